"""What Neutron needs to allocate a network for a project that has none."""

from __future__ import annotations

from stacklib.cloud import Cloud
from stacklib.errors import StackError

SUBNET_POOL = {
    "name": "automatic",
    "prefixes": ["10.98.0.0/16"],
    "default_prefixlen": 26,
    "shared": True,
    "is_default": True,
}


def allow(cloud: Cloud) -> str:
    """Make the network `public` the default external one, and a subnet pool for all projects.
    Return the network's id. Idempotent."""
    public = cloud.find("network", "/networks", "networks", name="public")
    if public is None:
        raise StackError("there is no network `public`: start the stack with its network")
    change = {"network": {"is_default": True}}
    cloud.request("PUT", "network", f"/networks/{public['id']}", change)
    if cloud.find("network", "/subnetpools", "subnetpools", is_default="true") is None:
        cloud.request("POST", "network", "/subnetpools", {"subnetpool": SUBNET_POOL})
    return public["id"]
