"""The node that everything runs in, and the users that exist in it alone."""

from pathlib import Path

from stacklib import files, users
from stacklib.component import Component
from stacklib.errors import Unhealthy
from stacklib.stack import Stack


class Machine(Component):
    """The node `n1` on the fabric."""

    name = "node"
    needs = ("packages",)
    packages = ("iproute2", "systemd", "util-linux", "procps", "dbus", "kmod", "ca-certificates")

    def configure(self, stack: Stack) -> None:
        """Make the directories that the node shares with the machine."""
        files.directory(stack.directory, 0o755)
        for directory in (stack.etc, stack.data):
            files.directory(directory, 0o755)
        files.directory(stack.logs, 0o750)

    def start(self, stack: Stack) -> None:
        """Boot the node; give it the machine's users (packages bring some) and our own."""
        stack.node.up()
        stack.node.write("/etc/passwd", users.passwd(Path("/etc/passwd").read_text()), 0o644)
        stack.node.write("/etc/group", users.group(Path("/etc/group").read_text()), 0o644)

    def check(self, stack: Stack) -> None:
        """The node is well while its systemd lives."""
        if not stack.node.pid:
            raise Unhealthy("the node is down")

    def stop(self, stack: Stack) -> None:
        """Power the node off."""
        stack.node.down()
