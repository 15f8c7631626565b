"""libvirt in the node: the daemon and its log keeper."""

from stacklib import files
from stacklib.component import Component
from stacklib.errors import StackError, Unhealthy
from stacklib.stack import Stack
from stacklib.units import Unit

DAEMON = """\
listen_tls = 0
listen_tcp = 0
unix_sock_group = "root"
unix_sock_ro_perms = "0770"
unix_sock_rw_perms = "0770"
auth_unix_ro = "none"
auth_unix_rw = "none"
host_uuid = "{uuid}"
"""

# Guests are root in a node that is a container already: neither AppArmor nor a mount namespace
# per guest works there, and image files belong to who made them.
QEMU = """\
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = [ ]
vnc_listen = "127.0.0.1"
stdio_handler = "logd"
"""


class Libvirt(Component):
    """The hypervisor's daemon."""

    name = "libvirt"
    needs = ("node",)
    packages = ("libvirt-daemon-system", "libvirt-clients", "qemu-system-x86", "qemu-utils")

    def configure(self, stack: Stack) -> None:
        """Write libvirt's configuration where it looks for it; no network of its own starts."""
        uuid = stack.node.uuid
        files.write(stack.etc / self.name / "libvirtd.conf", DAEMON.format(uuid=uuid))
        if stack.node.write("/etc/libvirt/qemu.conf", QEMU):
            stack.units.stop("nova-mini-stack-libvirtd")
        stack.node.run(["rm", "-rf", "/etc/libvirt/qemu/networks/autostart"])

    def units(self, stack: Stack) -> list[Unit]:
        """Return virtlogd and libvirtd; guests and their logs outlive a restart of libvirtd."""
        config = stack.etc / self.name / "libvirtd.conf"
        keep = {"Type": "notify", "KillMode": "process", "OOMScoreAdjust": "-900"}
        return [
            Unit("nova-mini-stack-virtlogd", ("/usr/sbin/virtlogd",), keep),
            Unit(
                name="nova-mini-stack-libvirtd",
                argv=("/usr/sbin/libvirtd", "--config", str(config)),
                properties={**keep, "TasksMax": "infinity"},
                watched=(config,),
            ),
        ]

    def check(self, stack: Stack) -> None:
        """libvirt answers for QEMU."""
        try:
            stack.node.run(["virsh", "--connect", "qemu:///system", "--quiet", "version"], 10)
        except StackError as error:
            raise Unhealthy(error.reason) from error
