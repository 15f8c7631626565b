"""The network that joins the nodes of one stack: a bridge in a namespace of its own."""

from stacklib import command

BRIDGE = "br0"
PREFIX = "10.77.0"
HOST_ADDRESS = f"{PREFIX}.254"


def address(index: int) -> str:
    """Return the address of node number `index` (from 1) on the fabric."""
    return f"{PREFIX}.{10 + index}"


class Fabric:
    """The bridge of the stack called `name`, and the links that lead to it."""

    def __init__(self, name: str):
        self._namespace = f"{name}-fabric"
        self._host_link = f"{name}0"

    def ensure(self) -> None:
        """Make the bridge; let the machine itself in, so that its own clients reach the cloud."""
        space = self._namespace
        if not command.succeeds(["ip", "-n", space, "link", "show", "up", BRIDGE]):
            self.remove()  # what an interrupted start has left
            _ip("netns", "add", space)
            _ip("-n", space, "link", "set", "lo", "up")
            _ip("-n", space, "link", "add", BRIDGE, "type", "bridge")
            _ip("-n", space, "link", "set", BRIDGE, "up")
        # Another stack, or the site, may own these addresses: then there is no link from here.
        if f" {PREFIX}." not in command.output(["ip", "-oneline", "address", "show"]):
            link = self._host_link
            self._unlink()
            _ip("link", "add", link, "type", "veth", "peer", "name", "host", "netns", space)
            _ip("-n", space, "link", "set", "host", "master", BRIDGE, "up")
            _ip("address", "add", f"{HOST_ADDRESS}/24", "dev", link)
            _ip("link", "set", link, "up")

    def plug(self, node: str, namespace: str, index: int) -> None:
        """Give the node's network namespace a leg on the fabric, called eth0."""
        space, leg = self._namespace, f"leg-{node}"
        _ip("netns", "add", namespace)
        _ip("-n", space, "link", "add", leg, "type", "veth", "peer", "name", "eth0",
            "netns", namespace)
        _ip("-n", space, "link", "set", leg, "master", BRIDGE, "up")
        _ip("-n", namespace, "link", "set", "lo", "up")
        _ip("-n", namespace, "address", "add", f"{address(index)}/24", "dev", "eth0")
        _ip("-n", namespace, "link", "set", "eth0", "up")

    def remove(self) -> None:
        """Remove the bridge and the machine's link to it."""
        self._unlink()
        unplug(self._namespace)

    def _unlink(self) -> None:
        if command.succeeds(["ip", "link", "show", self._host_link]):
            _ip("link", "delete", self._host_link)


def namespaces() -> set[str]:
    """Return the names of the machine's network namespaces."""
    lines = command.output(["ip", "netns", "list"]).splitlines()
    return {line.split()[0] for line in lines if line.strip()}


def unplug(namespace: str) -> None:
    """Remove a network namespace; the links that end in it go with it."""
    if namespace in namespaces():
        _ip("netns", "delete", namespace)


def _ip(*arguments: str) -> None:
    command.output(["ip", *arguments])
