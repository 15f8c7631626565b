"""The components of the further nodes: of those that run only servers, and of control nodes."""

from collections.abc import Collection

from stacklib.component import Component
from stacklib.components.ceph_client import CephClient
from stacklib.components.libvirt import Libvirt
from stacklib.components.machine import Machine
from stacklib.components.memcached import Memcached
from stacklib.components.neutron_agents import NeutronAgents
from stacklib.components.nova_compute import NovaCompute
from stacklib.components.nova_control import NovaControl
from stacklib.components.openvswitch import OpenVSwitch
from stacklib.components.rabbitmq import RabbitMQ
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
CONTROL_PARTS: dict[Component, str] = {Memcached(): "memcached", NovaControl(): "nova-mini"}
BROKER = RabbitMQ()
# The control node makes the networks of the nodes, and their keys.
_AFTER_CONTROL = ("node", "ssh")


class OnNode(Component):
    """A component on a further node. It is given the stack as the control node sees it."""

    def __init__(self, part: Component, node: str, local: Collection[str]):
        """`local`: the names of the components of which the node has one of its own."""
        self._part = part
        self._node = node
        self._names = local
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
        return f"{name}@{self._node}" if name in self._names else name


def parts(stack: Stack, node: str, chosen: Collection[str]) -> list[Component]:
    """Return the components of a further node, if the first node has `chosen`."""
    bases = dict(PARTS)
    if node in stack.control_names:
        bases |= CONTROL_PARTS
    if node in stack.broker_names:
        bases[BROKER] = BROKER.name
    return [part for part, basis in bases.items() if basis in chosen]


def components(stack: Stack, node: str, chosen: Collection[str]) -> list[OnNode]:
    """Return the components of one further node."""
    found = parts(stack, node, chosen)
    local = {part.name for part in found}
    return [OnNode(part, node, local) for part in found]
