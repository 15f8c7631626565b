"""Brings events of other services to the hosts of the servers that they are about."""

from __future__ import annotations

from nova_mini.compute import rpcapi
from nova_mini.objects.instance import InstanceList

_OK, _BAD, _NO_SERVER, _NO_HOST = 200, 400, 404, 422

# Of which port or volume? An event that does not say can wake nobody.
_NEED_TAG = frozenset({"network-vif-plugged", "network-vif-unplugged", "network-vif-deleted",
                       "volume-extended", "volume-reimaged", "power-update"})  # fmt: skip


def dispatch(context, events: list[dict]) -> list[int]:
    """A code for each of ``events`` (name, server_uuid, status, tag): 200 when it went to a host,
    404 when there is no such server, 422 when it has no host yet, 400 when it lacks its tag.

    One message per host. Called by the API.
    """
    hosts = InstanceList.get_hosts(context, [event["server_uuid"] for event in events])
    codes = [_judge(event, hosts) for event in events]
    by_host: dict[str, list[dict]] = {}
    for event, code in zip(events, codes, strict=True):
        if code == _OK:
            by_host.setdefault(hosts[event["server_uuid"]], []).append(event)
    compute_rpcapi = rpcapi.ComputeAPI()
    for host, its_events in by_host.items():
        compute_rpcapi.external_instance_event(context, host, its_events)
    return codes


def _judge(event: dict, hosts: dict[str, str | None]) -> int:
    if event["server_uuid"] not in hosts:
        return _NO_SERVER
    if event["name"] in _NEED_TAG and not event.get("tag"):
        return _BAD
    return _OK if hosts[event["server_uuid"]] else _NO_HOST
