"""The components of the nodes that run only servers."""

from collections.abc import Collection

from stacklib.component import Component
from stacklib.components.ceph_client import CephClient
from stacklib.components.libvirt import Libvirt
from stacklib.components.machine import Machine
from stacklib.components.neutron_agents import NeutronAgents
from stacklib.components.nova_compute import NovaCompute
from stacklib.components.openvswitch import OpenVSwitch
from stacklib.components.ssh import Ssh
from stacklib.stack import Stack

# Each component, and the one of the control node without which it is left out.
PARTS: dict[Component, str] = {
    Machine(): "node",
    Ssh(): "ssh",
    CephClient(): "ceph",
    Libvirt(): "libvirt",
    OpenVSwitch(): "openvswitch",
    NeutronAgents(): "neutron-agents",
    NovaCompute(): "nova-mini",
}
_NAMES = {part.name for part in PARTS}
# The control node makes the networks of the nodes, and their keys.
_AFTER_CONTROL = ("node", "ssh")


class OnNode(Component):
    """A component on a further node. It is given the stack as the control node sees it."""

    def __init__(self, part: Component, node: str):
        self._part = part
        self._node = node
        self.name = f"{part.name}@{node}"
        before = (part.name,) if part.name in _AFTER_CONTROL else ()
        self.needs = (*before, *map(self._local, part.needs))
        self.wants = tuple(map(self._local, part.wants))

    def up(self, stack: Stack, say) -> None:
        """Bring the component up."""
        self._part.up(stack.on(self._node), say)

    def stop(self, stack: Stack) -> None:
        """Stop the component."""
        self._part.stop(stack.on(self._node))

    def _local(self, name: str) -> str:
        """Return the name of the component `name` on this node, if each node has its own."""
        return f"{name}@{self._node}" if name in _NAMES else name


def parts(chosen: Collection[str]) -> list[Component]:
    """Return the components that each further node has, if the control node has `chosen`."""
    return [part for part, basis in PARTS.items() if basis in chosen]


def components(node: str, chosen: Collection[str]) -> list[OnNode]:
    """Return the components of one further node."""
    return [OnNode(part, node) for part in parts(chosen)]
