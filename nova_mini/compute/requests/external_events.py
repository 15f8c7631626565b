"""Sends events of external services to the hosts of the servers."""

from __future__ import annotations

from nova_mini.context import RequestContext
from nova_mini.objects.external_event import ExternalEvent
from nova_mini.objects.instance_collection import InstanceList
from nova_mini.rpcapi import compute as rpcapi

_OK, _BAD, _NO_SERVER, _NO_HOST = 200, 400, 404, 422

# The tag is the port or volume: without it, no operation can wait for the event.
_NEED_TAG = frozenset(
    {
        "network-vif-plugged",
        "network-vif-unplugged",
        "network-vif-deleted",
        "volume-extended",
        "volume-reimaged",
    }
)

# Events for Ironic and for accelerators: no driver of nova_mini handles them.
_NOT_SUPPORTED = frozenset({"power-update", "accelerator-request-bound"})


def dispatch(context: RequestContext, events: list[ExternalEvent]) -> list[int]:
    """Send ``events`` to the hosts, one message per host.

    Returns an HTTP code for each event: 200 if it was sent, 404 if the server does not exist, 422
    if the server has no host yet, 400 if its tag is missing or no host handles such events.
    """
    hosts = InstanceList.get_hosts(context, [event["server_uuid"] for event in events])
    codes = [_code(event, hosts) for event in events]
    by_host: dict[str, list[ExternalEvent]] = {}
    for event, code in zip(events, codes, strict=True):
        host = hosts.get(event["server_uuid"])
        if code == _OK and host is not None:
            by_host.setdefault(host, []).append(event)
    compute_rpcapi = rpcapi.ComputeAPI()
    for host, events_of_host in by_host.items():
        compute_rpcapi.external_instance_event(context, host, events_of_host)
    return codes


def _code(event: ExternalEvent, hosts: dict[str, str | None]) -> int:
    if event["server_uuid"] not in hosts:
        return _NO_SERVER
    if event["name"] in _NOT_SUPPORTED:
        return _BAD
    if event["name"] in _NEED_TAG and not event.get("tag"):
        return _BAD
    return _OK if hosts[event["server_uuid"]] else _NO_HOST
