"""libvirt in the node: libvirtd and virtlogd."""

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

# The user of QEMU in the distribution's package. The group is not set, because it differs between
# Debian and Ubuntu. libvirt changes the owner of a guest's files to this user when the guest
# starts, and of its disks to root when it stops. All these files are created by root, so libvirt
# need not remember their owners (in extended attributes, which some file systems do not have).
USER = "libvirt-qemu"

# Guests migrate to the address of the node, at libvirt's default ports (49152 to 49215).
# AppArmor and a mount namespace for each guest do not work in a node, which is a container.
QEMU = f"""\
user = "{USER}"
dynamic_ownership = 1
remember_owner = 0
security_driver = "none"
namespaces = [ ]
vnc_listen = "127.0.0.1"
stdio_handler = "logd"
migration_address = "{{address}}"
migration_host = "{{address}}"
"""


class Libvirt(Component):
    """The hypervisor's daemon."""

    name = "libvirt"
    needs = ("node",)
    packages = (
        "libvirt-daemon-system",
        "libvirt-clients",
        "ovmf",
        "qemu-system-x86",
        "qemu-utils",
    )

    def configure(self, stack: Stack) -> None:
        """Write libvirt's configuration. Its default network is not started."""
        uuid = stack.node.uuid
        files.write(stack.etc / self.name / "libvirtd.conf", DAEMON.format(uuid=uuid))
        qemu = QEMU.format(address=stack.node.address)
        if stack.node.write("/etc/libvirt/qemu.conf", qemu):
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
        """Check that libvirt answers for QEMU."""
        try:
            stack.node.run(["virsh", "--connect", "qemu:///system", "--quiet", "version"], 10)
        except StackError as error:
            raise Unhealthy(error.reason) from error
