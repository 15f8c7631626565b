"""Open vSwitch in a node, with its bridges for tunnels and to the public network."""

from pathlib import Path

from stacklib import datapath, fabric, files
from stacklib.component import Component
from stacklib.errors import StackError, Unhealthy
from stacklib.stack import Stack
from stacklib.units import Unit

SOCKET = "/run/openvswitch/db.sock"
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"

# In user space the switch itself sends the packets of tunnels, and finds the way to their ends only
# by an address on one of its bridges, which has the interface as a port.
TUNNEL_INTERFACE, TUNNEL_BRIDGE = "eth1", "br-vtep"
SCRIPTS = Path(__file__).parents[1]
AGENTS = ("openvswitch-agent", "dhcp-agent", "l3-agent")


class OpenVSwitch(Component):
    """The virtual switch of a node."""

    name = "openvswitch"
    needs = ("node",)
    packages = ("openvswitch-switch", "ethtool")

    def configure(self, stack: Stack) -> None:
        """Create the switch's database if it does not exist."""
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
                argv=(
                    "/usr/sbin/ovsdb-server",
                    str(database),
                    f"--remote=punix:{SOCKET}",
                    "--remote=db:Open_vSwitch,Open_vSwitch,manager_options",
                    "--pidfile",
                    quiet,
                ),
            ),
            Unit(
                name="nova-mini-stack-ovs-vswitchd",
                argv=("/usr/sbin/ovs-vswitchd", f"unix:{SOCKET}", "--pidfile", quiet),
                properties=_recovery(stack) if datapath.in_user_space() else {},
            ),
        ]

    def check(self, stack: Stack) -> None:
        """Check that the switch has applied its configuration."""
        try:
            stack.node.run(["ovs-vsctl", "--timeout=2", "get", "Open_vSwitch", ".", "cur_cfg"])
            stack.node.run(["ovs-appctl", "--timeout=2", "version"])
        except StackError as error:
            raise Unhealthy(error.reason) from error

    def finish(self, stack: Stack) -> None:
        """Create the bridges. The control node is the gateway of the public network."""
        name = stack.node.name
        labels = [f"external_ids:system-id={name}", f"external_ids:hostname={name}"]
        manager = "ptcp:6640:127.0.0.1"  # where Neutron's agents expect it
        self._vsctl(stack, "set", "Open_vSwitch", ".", *labels, "--", "set-manager", manager)
        for bridge in _addresses(stack):
            self._add_bridge(stack, bridge)
        if datapath.in_user_space():
            self._vsctl(stack, "--may-exist", "add-port", TUNNEL_BRIDGE, TUNNEL_INTERFACE)
        else:
            address = f"{fabric.tunnel_address(name)}/24"
            stack.node.run(["ip", "address", "replace", address, "dev", TUNNEL_INTERFACE])
        stack.node.run(["sh", str(SCRIPTS / "switch_addresses.sh"), *_pairs(stack)])
        stack.node.run(["sysctl", "--quiet", "--write", "net.ipv4.ip_forward=1"])

    def _add_bridge(self, stack: Stack, bridge: str) -> None:
        kind = f"datapath_type={datapath.kind()}"
        create = ["--may-exist", "add-br", bridge, "--", "set", "bridge", bridge, kind]
        self._vsctl(stack, *create)

    def _vsctl(self, stack: Stack, *words: str) -> None:
        stack.node.run(["ovs-vsctl", "--timeout=10", "--", *words])


def _addresses(stack: Stack) -> dict[str, str]:
    """Return the bridges of the node that have an address, with their addresses."""
    found = {}
    if stack.is_control:
        found[datapath.EXTERNAL_BRIDGE] = datapath.EXTERNAL_GATEWAY
    if datapath.in_user_space():
        found[TUNNEL_BRIDGE] = fabric.tunnel_address(stack.node.name)
    return found


def _pairs(stack: Stack) -> list[str]:
    return [f"{bridge}={address}/24" for bridge, address in _addresses(stack).items()]


def _recovery(stack: Stack) -> dict[str, str]:
    """Return what systemd runs when it starts the switch. The kernel's datapath forwards packets
    while the switch restarts. In user space the ports disappear with it: the bridges need their
    addresses again, and the units that have created ports are restarted (if they are running)."""
    again = f"{SCRIPTS / 'switch_addresses.sh'} {' '.join(_pairs(stack))}"
    agents = " ".join(f"nova-mini-stack-neutron-{agent}" for agent in AGENTS)
    return {
        "ExecStartPre": str(SCRIPTS / "forget_ports.sh"),
        "ExecStartPost": f"-/bin/sh -c '{again}; systemctl --no-block try-restart {agents}'",
    }
