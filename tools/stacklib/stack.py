"""Where everything of one stack lies, and what all its components share."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from stacklib.errors import StackError
from stacklib.node import Node
from stacklib.secrets import Secrets
from stacklib.units import Units

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass
class Choices:
    """What the user asked for: which driver, how many computes, which parts."""

    virt_driver: str = "libvirt"
    computes: int = 1
    without: tuple[str, ...] = ()  # the fake driver leaves out some too
    components: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    left_behind: tuple[str, ...] = ()  # of an earlier cloud; to be stopped with the rest


@dataclass
class Stack:
    """One stack: its directory, its node, its secrets, and the choices it was made with."""

    choices: Choices
    name: str = field(default_factory=lambda: os.environ.get("NOVA_MINI_STACK", "nova-mini"))

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,12}", self.name):
            raise StackError(
                f"NOVA_MINI_STACK={self.name}: take at most 13 small letters, digits and dashes"
            )
        default = f"/var/lib/{self.name}-stack"
        self.directory = Path(os.environ.get("NOVA_MINI_STACK_DIR", default)).resolve()
        self.secrets = Secrets(self.directory / "secrets.json")
        self.node = Node(
            self.name, "n1", index=1, state=self.directory, shared=[self.directory, REPOSITORY]
        )
        self.units = Units(self.node, self.logs)

    @property
    def etc(self) -> Path:
        """Configuration, a directory per component."""
        return self.directory / "etc"

    @property
    def data(self) -> Path:
        """What components keep across restarts."""
        return self.directory / "data"

    @property
    def logs(self) -> Path:
        """A log file per unit or step."""
        return self.directory / "logs"

    def log(self, name: str) -> Path:
        """Return the log file of a unit or step called `name`."""
        return self.logs / f"{name}.log"

    def venv(self, name: str) -> Path:
        """Return the virtual environment called `name`."""
        return self.directory / "venvs" / name

    def has(self, component: str) -> bool:
        """Tell whether `component` is part of what is being run."""
        return component in self.choices.components
