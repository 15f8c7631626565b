"""The place of a suite's run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stacklib.stack import Stack


@dataclass(frozen=True)
class Place:
    """``directory``: of the suite in the stack's directory, for its files and reports. It holds a
    clouds.yaml. ``name``: of the suite's virtual environment."""

    stack: Stack
    name: str
    directory: Path

    @property
    def venv(self) -> Path:
        """The virtual environment of the suite."""
        return self.stack.venv(self.name)

    def program(self, name: str) -> str:
        """Return the path of a program of the virtual environment."""
        return str(self.venv / "bin" / name)

    def environment(self, **variables: str) -> list[str]:
        """Return the beginning of a command: it runs in the directory, with its clouds.yaml, finds
        the programs of the suite first, and gets the variables."""
        given = {
            "PATH": f"{self.venv / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin",
            "PYTHONWARNINGS": "ignore",
            "OS_CLIENT_CONFIG_FILE": str(self.directory / "clouds.yaml"),
            **variables,
        }
        assigned = [f"{name}={value}" for name, value in given.items()]
        return ["env", "-C", str(self.directory), "-u", "OS_CLOUD", *assigned]
