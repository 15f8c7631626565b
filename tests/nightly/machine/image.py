"""Disks of emulated machines: Debian, made once, and this checkout, made for each run."""

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
SPARE = 6 << 30  # bytes
PYTHON = "/usr/bin/python3"


class Debian:
    """The root disk, the kernel and its initial RAM disk, of the release of this machine, because
    both use the same Python.

    ``source`` has the list ``packages`` and the files ``rootfs``; the result is kept in ``cache``
    until they change. ``spare``: free bytes on the disk. The defaults are for the test host.
    """

    def __init__(
        self,
        source: pathlib.Path = HERE,
        cache: pathlib.Path | None = None,
        spare: int = SPARE,
    ):
        self._source, self._spare = source, spare
        cache = cache or _user_cache() / "nova-mini-test-host"
        self._directory = cache / self._digest()[:16]
        self.disk = self._directory / "root.ext4"
        self.kernel = self._directory / "vmlinuz"
        self.initrd = self._directory / "initrd.img"

    def build(self) -> None:
        """Build it; the first time takes a minute. Raises CalledProcessError with the output of
        mmdebstrap."""
        if self._directory.exists():
            return
        shutil.rmtree(self._directory.parent, ignore_errors=True)  # made from older sources
        self._directory.parent.mkdir(parents=True)
        with tempfile.TemporaryDirectory(dir=self._directory.parent) as scratch:
            root, done = pathlib.Path(scratch, "root"), pathlib.Path(scratch, "done")
            done.mkdir()
            subprocess.run(_mmdebstrap(self._source, root), check=True, timeout=900)
            for name, file in (("vmlinuz", self.kernel), ("initrd.img", self.initrd)):
                (found,) = (root / "boot").glob(f"{name}-*")
                shutil.move(found, done / file.name)
            make_disk(done / self.disk.name, root, self._spare)
            done.rename(self._directory)

    def _digest(self) -> str:
        inputs = hashlib.sha256(_release().encode())
        for path in sorted({*self._source.rglob("*"), pathlib.Path(__file__)}):
            if path.is_file() and path.suffix != ".pyc":
                inputs.update(path.read_bytes() + b"\0")
        return inputs.hexdigest()


def _release() -> str:
    return platform.freedesktop_os_release()["VERSION_CODENAME"]


def _user_cache() -> pathlib.Path:
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))


def _mmdebstrap(source: pathlib.Path, root: pathlib.Path) -> list[str]:
    lines = (source / "packages").read_text().splitlines()
    packages = ",".join(line for line in lines if not line.startswith("#"))
    return [
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=minbase",
        f"--include={packages}",
        '--aptopt=Apt::Install-Recommends "false"',
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "locale", "man")),
        # Before the packages come: they are made ready by what is in it.
        f"--essential-hook=sync-in {shlex.quote(str(source / 'rootfs'))} /",
        _release(),
        str(root),
    ]


def make_disk(path: pathlib.Path, tree: pathlib.Path, spare: int = SPARE) -> None:
    """Make ``path`` an ext4 file system with the files in ``tree`` and ``spare`` free bytes."""
    used = int(subprocess.check_output(["du", "-sb", str(tree)]).split()[0])
    with path.open("wb") as disk:
        disk.truncate(used + spare)
    command = ["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-E", "root_owner=0:0"]
    subprocess.run([*command, "-d", str(tree), str(path)], check=True, timeout=120)


def make_code_disk(
    path: pathlib.Path,
    argv: Sequence[str],
    environment: dict[str, str],
    trees: dict[str, Sequence[os.PathLike | str]],
) -> None:
    """Make a disk with this checkout, the libraries of this Python, and the command to run.

    ``argv``: arguments of Python; ``trees``: more files, by the directories that contain them.
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
