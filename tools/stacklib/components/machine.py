"""A node, and the users that exist only in it."""

from pathlib import Path

from stacklib import fabric, files, users
from stacklib.component import Component
from stacklib.errors import Unhealthy
from stacklib.stack import Stack


class Machine(Component):
    """A node on the fabric."""

    name = "node"
    needs = ("packages",)
    packages = ("iproute2", "systemd", "util-linux", "procps", "dbus", "kmod", "ca-certificates")

    def configure(self, stack: Stack) -> None:
        """Create the directories that the node shares with the machine."""
        files.directory(stack.directory, 0o755)
        state = stack.compute_state(stack.node.name)
        venvs = stack.directory / "venvs"
        for directory in (venvs, stack.etc, stack.data, stack.bytecode, state.parent, state):
            files.directory(directory, 0o755)
        files.directory(state / "instances", 0o711)
        files.directory(stack.logs, 0o750)

    def start(self, stack: Stack) -> None:
        """Boot the node; create the users of the machine (some are of packages) and of the stack
        in it."""
        stack.node.up()
        stack.node.write("/etc/hosts", fabric.hosts(), 0o644)
        stack.node.write("/etc/passwd", users.passwd(Path("/etc/passwd").read_text()), 0o644)
        stack.node.write("/etc/group", users.group(Path("/etc/group").read_text()), 0o644)

    def check(self, stack: Stack) -> None:
        """Check that the node's systemd is running."""
        if not stack.node.pid:
            raise Unhealthy("the node is down")
        if stack.node.is_frozen:
            raise Unhealthy("the node is frozen")
        if stack.node.is_cut:
            raise Unhealthy("the node is cut off from the network")

    def stop(self, stack: Stack) -> None:
        """Power the node off."""
        stack.node.down()
