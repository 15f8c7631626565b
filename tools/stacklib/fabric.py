"""The networks of the nodes of one stack: bridges in a network namespace of their own.

Nodes reach each other's services by eth0. eth1 carries only the tunnels between their switches: in
user space, a switch must own the interface of its tunnels, and takes it down when it stops.
"""

from stacklib import command

BRIDGES = {"eth0": "br0", "eth1": "br1"}
LEGS = {"eth0": "leg", "eth1": "tunnel"}  # names of the other ends of these links, before "-n1"
PREFIX, TUNNEL_PREFIX = "10.77.0", "10.79.0"
HOST_ADDRESS = f"{PREFIX}.254"
CONTROL = "n1"
MOST_NODES = 9
MOST_CONTROL = 3
NAMES = tuple(f"n{index}" for index in range(1, MOST_NODES + 1))


def address(node: str) -> str:
    """Return the address of a node for its services."""
    return f"{PREFIX}.{_last_byte(node)}"


def tunnel_address(node: str) -> str:
    """Return the address of a node for the tunnels of its switch."""
    return f"{TUNNEL_PREFIX}.{_last_byte(node)}"


def hosts() -> str:
    """Return /etc/hosts of every node. It has all nodes that a stack can get."""
    lines = ["127.0.0.1 localhost", "::1 localhost"]
    return "\n".join([*lines, *(f"{address(name)} {name}" for name in NAMES)]) + "\n"


class Fabric:
    """The bridges of the stack called `name`, and the links that lead to them."""

    def __init__(self, name: str):
        self._namespace = f"{name}-fabric"
        self._host_link = f"{name}0"

    def ensure(self) -> None:
        """Create the bridges and a link to the machine, so that its clients reach the cloud."""
        space = self._namespace
        links = self._links()
        if BRIDGES["eth0"] not in links:
            self.remove()  # after an interrupted start
            _ip("netns", "add", space)
            _ip("-n", space, "link", "set", "lo", "up")
        for bridge in BRIDGES.values():
            if bridge not in links:
                _ip("-n", space, "link", "add", bridge, "type", "bridge")
                _ip("-n", space, "link", "set", bridge, "up")
        # If another stack or the site uses these addresses, there is no link to the machine.
        if f" {PREFIX}." not in command.output(["ip", "-oneline", "address", "show"]):
            link = self._host_link
            self._unlink()
            _ip("link", "add", link, "type", "veth", "peer", "name", "host", "netns", space)
            _ip("-n", space, "link", "set", "host", "master", BRIDGES["eth0"], "up")
            _ip("address", "add", f"{HOST_ADDRESS}/24", "dev", link)
            _ip("link", "set", link, "up")

    def plug(self, node: str, namespace: str) -> None:
        """Connect the network namespace of a node by its interfaces, as far as it is not."""
        if namespace not in namespaces():
            _ip("netns", "add", namespace)
            _ip("-n", namespace, "link", "set", "lo", "up")
        links = self._links()
        for interface, bridge in BRIDGES.items():
            leg = _leg(interface, node)
            if leg not in links:
                end = ("type", "veth", "peer", "name", interface, "netns", namespace)
                _ip("-n", self._namespace, "link", "add", leg, *end)
                _ip("-n", self._namespace, "link", "set", leg, "master", bridge)
                _ip("-n", namespace, "link", "set", interface, "up")
        _ip("-n", namespace, "address", "replace", f"{address(node)}/24", "dev", "eth0")
        self.join(node)

    def unplug(self, node: str, namespace: str) -> None:
        """Remove the links of a node, then its network namespace."""
        for leg in self._links().intersection(_legs(node)):
            _ip("-n", self._namespace, "link", "delete", leg)
        _remove_namespace(namespace)

    def cut(self, node: str) -> None:
        """Take the links of a node down: nothing reaches it, and it reaches nothing."""
        self._set_legs(node, "down")

    def join(self, node: str) -> None:
        """Take the links of a node up."""
        self._set_legs(node, "up")

    def is_cut(self, node: str) -> bool:
        """Whether other nodes do not reach the services of a node."""
        return _leg("eth0", node) not in self._links("up")

    def remove(self) -> None:
        """Remove the bridges and the machine's link to them."""
        self._unlink()
        _remove_namespace(self._namespace)

    def _set_legs(self, node: str, state: str) -> None:
        for leg in self._links().intersection(_legs(node)):
            _ip("-n", self._namespace, "link", "set", leg, state)

    def _links(self, *state: str) -> set[str]:
        """Return the names of the fabric's links; with the `state` "up", of those that are up."""
        if self._namespace not in namespaces():
            return set()
        show = ["ip", "-n", self._namespace, "-oneline", "link", "show", *state]
        lines = command.output(show).splitlines()
        return {line.split(": ")[1].partition("@")[0] for line in lines}

    def _unlink(self) -> None:
        if command.succeeds(["ip", "link", "show", self._host_link]):
            _ip("link", "delete", self._host_link)


def namespaces() -> set[str]:
    """Return the names of the machine's network namespaces."""
    lines = command.output(["ip", "netns", "list"]).splitlines()
    return {line.split()[0] for line in lines if line.strip()}


def _leg(interface: str, node: str) -> str:
    """Return the name of the fabric's end of the link to an interface of a node."""
    return f"{LEGS[interface]}-{node}"


def _legs(node: str) -> list[str]:
    return [_leg(interface, node) for interface in BRIDGES]


def _last_byte(node: str) -> int:
    return 10 + int(node.removeprefix("n"))


def _remove_namespace(name: str) -> None:
    if name in namespaces():
        _ip("netns", "delete", name)


def _ip(*arguments: str) -> None:
    command.output(["ip", *arguments])
