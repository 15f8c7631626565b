"""``/servers/{id}/os-security-groups``: a server's security groups, in Nova's format."""

from __future__ import annotations

from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.compute.server_access import get_record
from nova_mini.api.openstack.request import Request
from nova_mini.network import neutron
from nova_mini.policies import server_actions as action_policy

_ANYWHERE = "0.0.0.0/0"
_ALL_PORTS = {"tcp": (1, 65535), "udp": (1, 65535)}
_NO_PORTS = (-1, -1)


class ServerSecurityGroupsController(wsgi.Controller):
    def __init__(self) -> None:
        self.network_api = neutron.API()

    def index(self, req: Request, server_id: str) -> dict:
        """Raises InstanceNotFound, and NeutronConnectionFailed if Neutron is not available."""
        record = get_record(req, server_id, action_policy.LIST_SECURITY_GROUPS)
        groups, sources = self.network_api.get_instance_security_groups(req.context, record.uuid)
        views = [_group(group, sources) for group in groups]
        return {"security_groups": sorted(views, key=lambda g: (g["tenant_id"], g["name"]))}


def _group(group: dict, sources: dict[str, dict]) -> dict:
    """Nova's format has only rules for incoming traffic."""
    incoming = [r for r in group["security_group_rules"] if r["direction"] == "ingress"]
    rules = [_rule(rule, sources) for rule in incoming]
    return {
        "id": group["id"],
        "name": group["name"],
        "description": group["description"],
        "tenant_id": group["project_id"],
        "rules": [rule for rule in rules if rule is not None],
    }


def _rule(rule: dict, sources: dict[str, dict]) -> dict | None:
    """None for a rule whose source group does not exist or is not visible to the user."""
    first, last = _ports(rule)
    view = {
        "id": rule["id"],
        "parent_group_id": rule["security_group_id"],
        "ip_protocol": rule["protocol"],
        "from_port": first,
        "to_port": last,
        "group": {},
        "ip_range": {},
    }
    if not rule["remote_group_id"]:
        view["ip_range"] = {"cidr": rule["remote_ip_prefix"] or _ANYWHERE}
        return view
    source = sources.get(rule["remote_group_id"])
    if source is None:
        return None
    view["group"] = {"name": source["name"], "tenant_id": source["project_id"]}
    return view


def _ports(rule: dict) -> tuple[int | None, int | None]:
    limits = rule["port_range_min"], rule["port_range_max"]
    if rule["protocol"] and limits == (None, None):
        return _ALL_PORTS.get(rule["protocol"].lower(), _NO_PORTS)
    return limits
