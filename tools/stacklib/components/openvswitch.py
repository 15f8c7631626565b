"""Open vSwitch in the node, with the bridge to the outside."""

from pathlib import Path

from stacklib import datapath, files
from stacklib.component import Component
from stacklib.errors import StackError, Unhealthy
from stacklib.stack import Stack
from stacklib.units import Unit

SOCKET = "/run/openvswitch/db.sock"
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"

AGENTS = ("openvswitch-agent", "dhcp-agent", "l3-agent")

# The kernel forwards while the switch restarts; in user space its ports end with it, and those
# who made them must make them again (at the first start there are none yet).
RECOVERY = {
    "ExecStartPre": str(Path(__file__).parents[1] / "forget_ports.sh"),
    "ExecStartPost": "-systemctl --no-block try-restart "
    + " ".join(f"nova-mini-stack-neutron-{agent}" for agent in AGENTS),
}


class OpenVSwitch(Component):
    """The virtual switch."""

    name = "openvswitch"
    needs = ("node",)
    packages = ("openvswitch-switch", "ethtool")

    def configure(self, stack: Stack) -> None:
        """Make the switch's database at the first time."""
        files.directory(stack.data / self.name, 0o700)
        database = stack.data / self.name / "conf.db"
        stack.node.run(["mkdir", "-p", str(Path(SOCKET).parent)])
        if not database.exists():
            draft = database.with_suffix(".new")
            draft.unlink(missing_ok=True)
            stack.node.run(["ovsdb-tool", "create", str(draft), SCHEMA])
            draft.rename(database)

    def units(self, stack: Stack) -> list[Unit]:
        """Return the database server and the switch."""
        database = stack.data / self.name / "conf.db"
        quiet = "--verbose=console:warn"
        return [
            Unit(
                name="nova-mini-stack-ovsdb-server",
                argv=("/usr/sbin/ovsdb-server", str(database), f"--remote=punix:{SOCKET}",
                      "--remote=db:Open_vSwitch,Open_vSwitch,manager_options", "--pidfile", quiet),
            ),
            Unit(
                name="nova-mini-stack-ovs-vswitchd",
                argv=("/usr/sbin/ovs-vswitchd", f"unix:{SOCKET}", "--pidfile", quiet),
                properties=RECOVERY if datapath.in_user_space() else {},
            ),
        ]

    def check(self, stack: Stack) -> None:
        """The switch has taken over its configuration."""
        try:
            stack.node.run(["ovs-vsctl", "--timeout=2", "get", "Open_vSwitch", ".", "cur_cfg"])
            stack.node.run(["ovs-appctl", "--timeout=2", "version"])
        except StackError as error:
            raise Unhealthy(error.reason) from error

    def finish(self, stack: Stack) -> None:
        """Make the outer bridge; the node itself is the outer network's gateway."""
        bridge, kind = datapath.EXTERNAL_BRIDGE, datapath.kind()
        name = stack.node.name
        stack.node.run([
            "ovs-vsctl", "--timeout=10",
            "set", "Open_vSwitch", ".", f"external_ids:system-id={name}",
            f"external_ids:hostname={name}", "--",
            "set-manager", "ptcp:6640:127.0.0.1", "--",  # where Neutron's agents expect it
            "--may-exist", "add-br", bridge, "--", "set", "bridge", bridge, f"datapath_type={kind}",
        ])
        address = f"{datapath.EXTERNAL_GATEWAY}/24"
        stack.node.run(["ip", "address", "replace", address, "dev", bridge])
        stack.node.run(["ip", "link", "set", bridge, "up"])
        stack.node.run(["sysctl", "--quiet", "--write", "net.ipv4.ip_forward=1"])
        if datapath.in_user_space():
            off = ["tx", "off", "tso", "off", "gso", "off"]
            stack.node.run(["ethtool", "--offload", bridge, *off])
