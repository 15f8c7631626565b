"""The wheel of this release, installed into an empty virtual environment, is complete."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys
import tomllib
import zipfile

import pytest
import sqlalchemy as sa

from tests.functional.conftest import make_catalog
from tests.functional.harness import cloud as clouds
from tests.functional.harness import config
from tests.functional.harness.project import Project
from tests.functional.harness.source import REPOSITORY, Source

_PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
_PINS = REPOSITORY / "tools" / "stacklib" / "openstack-pins.txt"
_SECONDS = 600  # an empty cache is filled from PyPI


@dataclasses.dataclass(frozen=True)
class Installed(Source):
    """``directory`` is a virtual environment."""

    @property
    def environment(self) -> dict[str, str]:
        return {"PYTHONPATH": ""}

    @property
    def paste_config(self) -> pathlib.Path:
        return self.directory / "etc" / "nova-mini" / "api-paste.ini"

    def argv(self, command: str) -> list[str]:
        return [str(self.directory / "bin" / f"nova-mini-{command}")]

    def run(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.argv(command), *arguments],
            cwd=self.directory,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=60,
        )


def _uv(*arguments: str) -> None:
    """Run uv: that of ``tools/test``, of the environment beside ours, or of the machine."""
    beside = pathlib.Path(sys.prefix).with_name("uv") / "bin" / "uv"
    program = os.environ.get("NOVA_MINI_UV") or shutil.which(beside) or shutil.which("uv")
    assert program, "there is no uv; run this by tools/test"
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=_SECONDS)
    assert done.returncode == 0, done.stderr


def _files() -> list[str]:
    """The files that are in the git repository."""
    listed = subprocess.run(
        ["git", "-C", str(REPOSITORY), "ls-files", "-z"], capture_output=True, text=True, check=True
    )
    return [name for name in listed.stdout.split("\0") if name]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> pathlib.Path:
    """A wheel that is built from a source distribution of the files in git, as for PyPI."""
    checkout, built = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("built")
    for name in _files():
        target = checkout / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, target)
    _uv("build", "--quiet", "--out-dir", str(built), str(checkout))
    assert list(built.glob("*.tar.gz"))
    (made,) = built.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Installed:
    directory = tmp_path_factory.mktemp("installed") / "venv"
    _uv("venv", "--quiet", "--python", sys.executable, str(directory))
    python = str(directory / "bin" / "python")
    _uv("pip", "install", "--quiet", "--python", python, "--constraint", str(_PINS), str(wheel))
    return Installed(directory)


def test_the_wheel_has_every_module_and_no_other(wheel):
    modules = {name for name in _files() if name.startswith("nova_mini/")}
    held = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("nova_mini/")}
    assert held == modules


def test_it_is_of_this_version(installed):
    statement = "import importlib.metadata as m; print(m.version('nova-mini'))"
    python = installed.directory / "bin" / "python"
    reported = subprocess.run([python, "-c", statement], capture_output=True, text=True, check=True)
    assert reported.stdout.strip() == _PROJECT["version"]


@pytest.mark.parametrize("command", sorted(_PROJECT["scripts"]))
def test_each_command_has_a_help_text(installed, command):
    done = installed.run(command.removeprefix("nova-mini-"), "--help")
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout
    assert "--config-file" in done.stdout


def test_it_makes_the_tables(installed, engines, tmp_path):
    url = engines.mariadb.create_database()
    database = config.write(tmp_path / "nova-mini.conf", {"database": {"connection": url}})
    done = installed.run("manage", f"--config-file={database}", "db", "sync")
    assert done.returncode == 0, done.stderr
    engine = sa.create_engine(url)
    assert {"instances", "instance_actions"} <= set(sa.inspect(engine).get_table_names())
    engine.dispose()
    done = installed.run("status", f"--config-file={database}", "upgrade", "check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_cloud_of_it_boots_a_server(installed, engines, images, workspace):
    directory = workspace / "package"
    with clouds.running(engines, directory, images, computes=["c1"], source=installed) as cloud:
        project = Project(cloud, "package", make_catalog(cloud, images))
        project.boot()
        project.end()
