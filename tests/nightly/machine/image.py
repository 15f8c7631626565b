"""The disks of the test host: Debian, made once, and this checkout, made for every run."""

from __future__ import annotations

import hashlib
import os
import pathlib
import platform
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Sequence

HERE = pathlib.Path(__file__).parent
REPOSITORY = HERE.parents[2]
CHECKOUT = ("nova_mini", "tests", "pyproject.toml")
SPARE = 6 << 30  # bytes that a file system has besides what is put on it
PYTHON = "/usr/bin/python3"


class Debian:
    """The root disk, the kernel and its initial RAM disk, of the release that this machine runs:
    the same Python must do for both."""

    def __init__(self):
        cache = os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")
        self._directory = pathlib.Path(cache) / "nova-mini-test-host" / self._digest()[:16]
        self.disk = self._directory / "root.ext4"
        self.kernel = self._directory / "vmlinuz"
        self.initrd = self._directory / "initrd.img"

    def build(self) -> None:
        """Takes a minute the first time; CalledProcessError shows what mmdebstrap said."""
        if self._directory.exists():
            return
        shutil.rmtree(self._directory.parent, ignore_errors=True)  # of other times
        self._directory.parent.mkdir(parents=True)
        with tempfile.TemporaryDirectory(dir=self._directory.parent) as scratch:
            root, done = pathlib.Path(scratch, "root"), pathlib.Path(scratch, "done")
            done.mkdir()
            subprocess.run(_mmdebstrap(root), check=True, timeout=900)
            for name, file in (("vmlinuz", self.kernel), ("initrd.img", self.initrd)):
                (found,) = (root / "boot").glob(f"{name}-*")
                shutil.move(found, done / file.name)
            make_disk(done / self.disk.name, root)
            done.rename(self._directory)

    @staticmethod
    def _digest() -> str:
        inputs = hashlib.sha256(_release().encode())
        for path in sorted(HERE.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                inputs.update(path.read_bytes() + b"\0")
        return inputs.hexdigest()


def _release() -> str:
    return platform.freedesktop_os_release()["VERSION_CODENAME"]


def _mmdebstrap(root: pathlib.Path) -> list[str]:
    lines = (HERE / "packages").read_text().splitlines()
    packages = ",".join(line for line in lines if not line.startswith("#"))
    return [
        "mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", f"--include={packages}",
        '--aptopt=Apt::Install-Recommends "false"',
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "locale", "man")),
        # Before the packages come: they are made ready by what is in it.
        f"--essential-hook=sync-in {shlex.quote(str(HERE / 'rootfs'))} /",
        _release(), str(root),
    ]  # fmt: skip


def make_disk(path: pathlib.Path, tree: pathlib.Path) -> None:
    """``path`` becomes an ext4 file system that holds what is in ``tree``."""
    used = int(subprocess.check_output(["du", "-sb", str(tree)]).split()[0])
    with path.open("wb") as disk:
        disk.truncate(used + SPARE)
    command = ["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-E", "root_owner=0:0"]
    subprocess.run([*command, "-d", str(tree), str(path)], check=True, timeout=120)


def make_code_disk(
    path: pathlib.Path,
    argv: Sequence[str],
    environment: dict[str, str],
    trees: dict[str, Sequence[os.PathLike | str]],
) -> None:
    """This checkout and the libraries of this Python, and what shall be done with them.

    ``argv``: arguments of Python; ``trees``: what comes besides, by the directories that hold it.
    """
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        tree = pathlib.Path(scratch)
        _copy([REPOSITORY / name for name in CHECKOUT], tree / "checkout")
        _copy([sysconfig.get_path("purelib")], tree / "libraries")
        for name, sources in trees.items():
            _copy(sources, tree / name)
        settings = {
            "PYTHONPATH": "/mnt/checkout:/mnt/libraries/site-packages",
            "PYTHONDONTWRITEBYTECODE": "1",
            **environment,
        }
        run = tree / "run"
        exports = "".join(f"export {key}={shlex.quote(value)}\n" for key, value in settings.items())
        command = shlex.join([PYTHON, *argv])
        run.write_text(f"#!/bin/sh\n{exports}cd /mnt/checkout && exec {command}\n")
        run.chmod(0o755)
        make_disk(path, tree)


def _copy(sources: Sequence[os.PathLike | str], target: pathlib.Path) -> None:
    target.mkdir()
    subprocess.run(["cp", "-a", *map(str, sources), str(target)], check=True, timeout=120)
