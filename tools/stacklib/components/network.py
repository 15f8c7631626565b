"""The demo project's network, its router to the public network, and rules for ping and ssh."""

import time

from stacklib import datapath, milestones
from stacklib.cloud import Cloud
from stacklib.component import Component
from stacklib.errors import StackError, Unhealthy
from stacklib.stack import Stack

SUBNET = "10.0.0.0/24"
OPEN = "ping-ssh"
SCHEDULING_SECONDS = 5


class Network(Component):
    """The network of the demo project."""

    name = "network"
    needs = ("neutron",)
    wants = ("neutron-agents",)

    def start(self, stack: Stack) -> None:
        """Create the missing resources."""
        inputs = [SUBNET, datapath.EXTERNAL_NETWORK, stack.has("neutron-agents")]
        milestones.once(stack, "network", inputs, lambda: self._fill(stack))

    def check(self, stack: Stack) -> None:
        """Check that the router reaches the DHCP server through the switch, and that it listens."""
        if not stack.has("neutron-agents"):
            return
        demo = Cloud(stack, "demo", "demo")
        router = demo.find("network", "/routers", "routers", name="router")
        server = Cloud(stack).find("network", "/ports", "ports", device_owner="network:dhcp")
        if not router or not server:
            raise Unhealthy("no agent serves the network yet")
        address = server["fixed_ips"][0]["ip_address"]
        dhcp, routing = f"qdhcp-{server['network_id']}", f"qrouter-{router['id']}"
        try:
            stack.node.run(["ip", "netns", "exec", routing, "ping", "-c1", "-W1", address])
            listening = stack.node.run(["ip", "netns", "exec", dhcp, "ss", "-Hlun", "sport = 67"])
        except StackError as error:
            raise Unhealthy(error.reason) from error
        if not listening.strip():
            raise Unhealthy("no DHCP server listens yet")

    def _fill(self, stack: Stack) -> None:
        public = _public(Cloud(stack))
        demo = Cloud(stack, "demo", "demo")
        private = demo.ensure("network", "/networks", "network", {"name": "private"})
        subnet = {"name": "private", "network_id": private["id"], "ip_version": 4, "cidr": SUBNET}
        subnet = demo.ensure("network", "/subnets", "subnet", subnet)
        router = {"name": "router", "external_gateway_info": {"network_id": public["id"]}}
        router = demo.ensure("network", "/routers", "router", router)
        if not demo.find(
            "network", "/ports", "ports", device_id=router["id"], network_id=private["id"]
        ):
            path = f"/routers/{router['id']}/add_router_interface"
            demo.request("PUT", "network", path, {"subnet_id": subnet["id"]})
        if stack.has("neutron-agents"):
            _assign_to_agents(Cloud(stack), private, router)
        _let_in(demo)


def _assign_to_agents(admin: Cloud, network: dict, router: dict) -> None:
    """Assign resources to agents that were created in a stack without agents: Neutron would not
    do it by itself."""
    if not _has_dhcp_agent(admin, network):
        agent = admin.find("network", "/agents", "agents", agent_type="DHCP%20agent")
        path = f"/agents/{agent['id']}/dhcp-networks"
        admin.request("POST", "network", path, {"network_id": network["id"]})
    ports = admin.request("GET", "network", f"/ports?device_id={router['id']}")["ports"]
    if all(port["binding:vif_type"] != "binding_failed" for port in ports):
        return
    for up in (False, True):  # the ports are bound when the router comes up
        body = {"router": {"admin_state_up": up}}
        admin.request("PUT", "network", f"/routers/{router['id']}", body)


def _has_dhcp_agent(admin: Cloud, network: dict) -> bool:
    """Whether an agent serves the network. Neutron assigns a new network to one soon after its
    subnet was created."""
    deadline = time.monotonic() + SCHEDULING_SECONDS
    while time.monotonic() < deadline:
        if admin.request("GET", "network", f"/networks/{network['id']}/dhcp-agents")["agents"]:
            return True
        time.sleep(0.2)
    return False


def _public(admin: Cloud) -> dict:
    """Return the public network: flat, with a range of floating addresses."""
    network = {
        "name": "public",
        "router:external": True,
        "provider:network_type": "flat",
        "provider:physical_network": datapath.PHYSICAL_NETWORK,
    }
    public = admin.ensure("network", "/networks", "network", network)
    prefix = datapath.EXTERNAL_PREFIX
    subnet = {
        "name": "public",
        "network_id": public["id"],
        "ip_version": 4,
        "cidr": datapath.EXTERNAL_NETWORK,
        "gateway_ip": datapath.EXTERNAL_GATEWAY,
        "enable_dhcp": False,
        "allocation_pools": [{"start": f"{prefix}.10", "end": f"{prefix}.250"}],
    }
    admin.ensure("network", "/subnets", "subnet", subnet)
    return public


def _let_in(demo: Cloud) -> None:
    group = demo.ensure("network", "/security-groups", "security_group", {"name": OPEN})
    ssh = {"protocol": "tcp", "port_range_min": 22, "port_range_max": 22}
    for what in ({"protocol": "icmp"}, ssh):
        if not demo.find(
            "network",
            "/security-group-rules",
            "security_group_rules",
            security_group_id=group["id"],
            direction="ingress",
            protocol=what["protocol"],
        ):
            rule = {
                "security_group_id": group["id"],
                "direction": "ingress",
                "ethertype": "IPv4",
                **what,
            }
            demo.request("POST", "network", "/security-group-rules", {"security_group_rule": rule})
