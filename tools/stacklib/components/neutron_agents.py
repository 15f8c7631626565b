"""Neutron's agents on the node: Open vSwitch, DHCP, L3 and metadata. They run as root."""

from datetime import UTC, datetime

from stacklib import datapath, files, ports
from stacklib.cloud import Cloud
from stacklib.component import Component
from stacklib.components import rabbitmq
from stacklib.components.neutron import PLUG
from stacklib.errors import Unhealthy
from stacklib.node import PATH
from stacklib.stack import Stack
from stacklib.units import Unit

PROGRAMS = {
    "neutron-openvswitch-agent": "Open vSwitch agent",
    "neutron-dhcp-agent": "DHCP agent",
    "neutron-l3-agent": "L3 agent",
    "neutron-metadata-agent": "Metadata agent",
}


class NeutronAgents(Component):
    """What carries networks to guests."""

    name = "neutron-agents"
    needs = ("neutron", "openvswitch")
    packages = (
        "dnsmasq-base", "dnsmasq-utils", "haproxy", "conntrack", "iptables", "ipset",
        "iputils-arping", "iputils-ping",
    )
    timeout = 90

    def configure(self, stack: Stack) -> None:
        """Write one configuration for all four."""
        files.directory(stack.data / self.name, 0o755)  # dnsmasq reads there as nobody
        files.write(stack.etc / self.name / "agents.conf", files.ini(self._options(stack)))

    def units(self, stack: Stack) -> list[Unit]:
        """Return the four agents; each starts its dnsmasq and haproxy anew when it starts."""
        config = stack.etc / self.name / "agents.conf"
        programs = stack.venv("openstack") / "bin"
        return [
            Unit(
                name=f"nova-mini-stack-{program}",
                argv=self._command(stack, program),
                properties={"KillMode": "mixed", "TimeoutStopSec": "3"},
                environment={
                    "PATH": f"{programs}:{PATH}",  # where the L3 agent finds its state helper
                    "PYTHONPATH": str(PLUG),
                    "PYTHONWARNINGS": "ignore",
                    "LANG": "C.UTF-8",
                },
                watched=(config, *PLUG.glob("*.py")),
            )
            for program in PROGRAMS
        ]

    def check(self, stack: Stack) -> None:
        """Neutron hears from every agent of this node, as it runs now and not as it ran before
        the node's last boot."""
        path = f"/agents?host={stack.node.name}"
        agents = Cloud(stack).request("GET", "network", path)["agents"]
        heard = {agent["agent_type"]: _time(agent["started_at"]) for agent in agents
                 if agent["alive"]}
        silent = [
            kind for program, kind in PROGRAMS.items()
            if heard.get(kind, 0) < int(stack.units.started(f"nova-mini-stack-{program}"))
        ]
        if silent:
            raise Unhealthy(f"not heard of: {', '.join(silent)}")

    def _command(self, stack: Stack, program: str) -> tuple[str, ...]:
        python = stack.venv("openstack") / "bin" / "python"
        config = stack.etc / self.name / "agents.conf"
        return (str(python), str(PLUG / "agent.py"), program, "--config-file", str(config))

    def _options(self, stack: Stack) -> dict[str, dict[str, object]]:
        data = stack.data / self.name
        driver = "offload_free.Driver" if datapath.in_user_space() else "openvswitch"
        return {
            "DEFAULT": {
                "host": stack.node.name,
                "use_stderr": True,
                "state_path": data,
                "transport_url": rabbitmq.transport_url(stack),
                # An answer that is lost with the broker holds up all ports for so long; with each
                # one for twice as long, up to the second figure (ten minutes by default).
                "rpc_response_timeout": 15,
                "rpc_response_max_timeout": 30,
                "interface_driver": driver,
                "enable_isolated_metadata": True,
                "nova_metadata_host": stack.node.address,
                "nova_metadata_port": ports.METADATA,
                "metadata_proxy_shared_secret": stack.secrets["metadata-proxy"],
                "metadata_workers": 0,
            },
            "oslo_concurrency": {"lock_path": data / "lock"},
            "agent": {
                "root_helper": "env",
                "report_interval": 10,
                "tunnel_types": "vxlan",
                "polling_interval": 1,
            },
            "privsep": {"helper_command": " ".join(self._command(stack, "privsep-helper"))},
            "ovs": {
                "local_ip": stack.node.address,
                "datapath_type": datapath.kind(),
                "bridge_mappings": f"{datapath.PHYSICAL_NETWORK}:{datapath.EXTERNAL_BRIDGE}",
            },
            "securitygroup": {"firewall_driver": "openvswitch", "enable_ipset": True},
        }


def _time(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
