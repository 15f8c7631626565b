"""Neutron's agents on a node. They run as root."""

from stacklib import datapath, fabric, files, ports, times
from stacklib.cloud import Cloud
from stacklib.component import Component
from stacklib.components import rabbitmq
from stacklib.components.neutron import PLUG
from stacklib.errors import Unhealthy
from stacklib.node import PATH
from stacklib.stack import Stack
from stacklib.units import Unit

# Of the control node. A node that runs only servers has the first one.
PROGRAMS = {
    "neutron-openvswitch-agent": "Open vSwitch agent",
    "neutron-dhcp-agent": "DHCP agent",
    "neutron-l3-agent": "L3 agent",
    "neutron-metadata-agent": "Metadata agent",
}


def _programs(stack: Stack) -> dict[str, str]:
    """Return the programs of the agents on the node -> how Neutron calls the agents."""
    return PROGRAMS if stack.is_control else dict(list(PROGRAMS.items())[:1])


class NeutronAgents(Component):
    """The agents."""

    name = "neutron-agents"
    needs = ("neutron", "openvswitch")
    packages = (
        "dnsmasq-base",
        "dnsmasq-utils",
        "haproxy",
        "conntrack",
        "iptables",
        "ipset",
        "iputils-arping",
        "iputils-ping",
    )
    timeout = 90

    def configure(self, stack: Stack) -> None:
        """Write one configuration for all of them."""
        files.directory(stack.data / self.name, 0o755)  # dnsmasq reads it as the user nobody
        files.write(stack.etc / self.name / "agents.conf", files.ini(self._options(stack)))

    def units(self, stack: Stack) -> list[Unit]:
        """Return the agents. When they start, they restart their dnsmasq and haproxy."""
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
            for program in _programs(stack)
        ]

    def check(self, stack: Stack) -> None:
        """Check that every agent of this node has reported to Neutron since it was started."""
        path = f"/agents?host={stack.node.name}"
        agents = Cloud(stack).request("GET", "network", path)["agents"]
        heard = {
            agent["agent_type"]: times.seconds(agent["started_at"])
            for agent in agents
            if agent["alive"]
        }
        silent = [
            kind
            for program, kind in _programs(stack).items()
            if heard.get(kind, 0) < int(stack.units.started(f"nova-mini-stack-{program}"))
        ]
        if silent:
            raise Unhealthy(f"no report of: {', '.join(silent)}")

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
                # How long a reply that was lost with the broker delays all ports. The timeout
                # doubles after each one, up to the maximum (default: ten minutes).
                "rpc_response_timeout": 15,
                "rpc_response_max_timeout": 30,
                "interface_driver": driver,
                "enable_isolated_metadata": True,
                "nova_metadata_host": stack.control.node.address,
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
                "local_ip": fabric.tunnel_address(stack.node.name),
                "datapath_type": datapath.kind(),
                **self._bridges(stack),
            },
            "securitygroup": {"firewall_driver": "openvswitch", "enable_ipset": True},
        }

    def _bridges(self, stack: Stack) -> dict[str, object]:
        """The public network is on the control node alone, which has the routers to it."""
        if not stack.is_control:
            return {}
        return {"bridge_mappings": f"{datapath.PHYSICAL_NETWORK}:{datapath.EXTERNAL_BRIDGE}"}
