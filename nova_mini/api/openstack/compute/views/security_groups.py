"""Security groups of Neutron in Nova's format."""

from __future__ import annotations

from collections.abc import Mapping

_ANYWHERE = "0.0.0.0/0"
_ALL_PORTS = {"tcp": (1, 65535), "udp": (1, 65535)}
_NO_PORTS = (-1, -1)


def views(groups: list[dict], sources: Mapping[str, dict]) -> list[dict]:
    """The views of groups, in the order of Nova."""
    found = [group(each, sources) for each in groups]
    return sorted(found, key=lambda each: (each["tenant_id"], each["name"]))


def group(record: dict, sources: Mapping[str, dict]) -> dict:
    """Nova's format has only rules for incoming traffic."""
    incoming = [r for r in record["security_group_rules"] if r["direction"] == "ingress"]
    rules = [rule(each, sources) for each in incoming]
    return {
        "id": record["id"],
        "name": record["name"],
        "description": record["description"],
        "tenant_id": record["project_id"],
        "rules": [each for each in rules if each is not None],
    }


def rule(record: dict, sources: Mapping[str, dict]) -> dict | None:
    """None for a rule whose source group does not exist or is not visible to the user."""
    first, last = _ports(record)
    view = {
        "id": record["id"],
        "parent_group_id": record["security_group_id"],
        "ip_protocol": record["protocol"],
        "from_port": first,
        "to_port": last,
        "group": {},
        "ip_range": {},
    }
    if not record["remote_group_id"]:
        view["ip_range"] = {"cidr": record["remote_ip_prefix"] or _ANYWHERE}
        return view
    source = sources.get(record["remote_group_id"])
    if source is None:
        return None
    view["group"] = {"name": source["name"], "tenant_id": source["project_id"]}
    return view


def _ports(rule: dict) -> tuple[int | None, int | None]:
    limits = rule["port_range_min"], rule["port_range_max"]
    if rule["protocol"] and limits == (None, None):
        return _ALL_PORTS.get(rule["protocol"].lower(), _NO_PORTS)
    return limits
