"""The source trees that daemons run from: this one, and those of older releases."""

from __future__ import annotations

import dataclasses
import pathlib
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).parents[3]
_HELD = pathlib.Path(__file__).with_name("held.py")


@dataclasses.dataclass(frozen=True)
class Source:
    """``can_hold``: a test may hold single threads of the daemons: see ``held``."""

    directory: pathlib.Path
    can_hold: bool = False

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its processes. Their working directory must be :attr:`directory`."""
        return {"PYTHONPATH": str(self.directory), "PYTHONDONTWRITEBYTECODE": "1"}

    @property
    def paste_config(self) -> pathlib.Path:
        return self.directory / "etc" / "nova-mini" / "api-paste.ini"

    def argv(self, command: str) -> list[str]:
        """The command line of ``nova_mini.cmd.<command>``, without arguments."""
        runner = [str(_HELD)] if self.can_hold else ["-m"]
        return [sys.executable, *runner, f"nova_mini.cmd.{command}"]


HERE = Source(REPOSITORY)


def checkout(commit: str, directory: pathlib.Path) -> Source:
    """Unpack a commit of this repository; the clone must have its history."""
    archive = subprocess.run(
        ["git", "-C", str(REPOSITORY), "archive", commit], capture_output=True, timeout=60
    )
    assert archive.returncode == 0, (
        f"commit {commit} is not in this clone (git fetch --unshallow): {archive.stderr.decode()}"
    )
    directory.mkdir(parents=True)
    subprocess.run(["tar", "-x"], cwd=directory, input=archive.stdout, check=True, timeout=60)
    return Source(directory, can_hold=True)
