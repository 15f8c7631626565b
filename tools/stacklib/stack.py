"""A stack: its directories, and what its components have in common."""

import copy
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from stacklib import fabric
from stacklib.errors import StackError
from stacklib.fabric import CONTROL
from stacklib.node import Node
from stacklib.secrets import Secrets
from stacklib.units import Units

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass
class Choices:
    """What the user has requested: the driver, the numbers of fake computes, of nodes and of
    control nodes among them, the nodes whose servers have their disks in files, and the
    components."""

    virt_driver: str = "libvirt"
    computes: int = 1
    nodes: int = 1
    control: int = 1
    local_disks: tuple[str, ...] = ()
    without: tuple[str, ...] = ()  # including those that the fake driver leaves out
    components: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    left_behind: tuple[str, ...] = ()  # components of earlier choices, which may still run


@dataclass
class Stack:
    """One stack: its directory, its secrets and its choices, seen from one of its nodes. `node`,
    `units`, `etc`, `data` and `logs` are of this node: by default, of the control node."""

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
        self._enter(CONTROL)

    def on(self, name: str) -> "Stack":
        """Return this stack, seen from the node called `name`."""
        view = copy.copy(self)
        view._enter(name)
        return view

    @property
    def control(self) -> "Stack":
        """This stack, seen from the control node."""
        return self if self.is_control else self.on(CONTROL)

    @property
    def is_control(self) -> bool:
        """Whether this is the node that runs what the stack has once, as the database."""
        return self.node.name == CONTROL

    @property
    def control_names(self) -> tuple[str, ...]:
        """The names of the nodes that run nova_mini's api, conductor and scheduler."""
        return fabric.NAMES[: self.choices.control]

    @property
    def broker_names(self) -> tuple[str, ...]:
        """The names of the nodes with a broker. Two brokers would have no majority when one of
        them fails, so there are three or one."""
        return fabric.NAMES[:3] if self.choices.control >= 3 else (CONTROL,)

    @property
    def node_names(self) -> tuple[str, ...]:
        """The names of all nodes, the control node first."""
        return fabric.NAMES[: self.choices.nodes]

    def require_node(self, name: str) -> str:
        """Return `name`; raise StackError when the stack has no such node."""
        if name not in self.node_names:
            names = ", ".join(self.node_names)
            raise StackError(f"there is no node {name}; there are {names}: see `up --nodes`")
        return name

    @property
    def etc(self) -> Path:
        """The configuration, with a directory for each component."""
        return self._home / "etc"

    @property
    def data(self) -> Path:
        """The data of the components."""
        return self._home / "data"

    @property
    def logs(self) -> Path:
        """The log files of units and steps."""
        return self._home / "logs"

    def log(self, name: str) -> Path:
        """Return the log file of a unit or step called `name`."""
        return self.logs / f"{name}.log"

    def venv(self, name: str) -> Path:
        """Return the virtual environment called `name`."""
        return self.directory / "venvs" / name

    def has(self, component: str) -> bool:
        """Whether the stack has the component."""
        return component in self.choices.components

    @property
    def bytecode(self) -> Path:
        """The directory of the compiled code of the daemons."""
        return self.directory / "data" / "bytecode"

    def compute_state(self, host: str) -> Path:
        """Return the directory of the compute service of `host`."""
        return self.data / "nova-mini" / host

    @property
    def instances_path(self) -> Path:
        """The path of the servers' files in each node. It is the same in all of them, as copies and
        migrations need."""
        return self.directory / "data" / "nova-mini" / CONTROL / "instances"

    def _enter(self, name: str) -> None:
        """Become the view of a node. The control node sees the whole directory of the stack;
        others see only what they need: no credentials of the database or of administrators."""
        base = self.directory / "nodes" / name
        if name == CONTROL:
            self._home, hidden = self.directory, None
            shared = {self.directory: self.directory}
        else:
            self._home, hidden = base, self.directory
            own = [self.etc, self.data, self.logs]
            shared = {path: path for path in (*own, self.directory / "venvs", self.bytecode)}
            shared[self.instances_path] = self.compute_state(name) / "instances"
        shared[REPOSITORY] = REPOSITORY
        self.node = Node(self.name, name, base, shared, hidden)
        self.units = Units(self.node, self.logs)
