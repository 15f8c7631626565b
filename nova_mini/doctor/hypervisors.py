"""The audit of the hypervisors: each running compute compares its host with the records."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterable
from concurrent import futures

import oslo_messaging as messaging

from nova_mini import exception
from nova_mini.context import get_admin_context
from nova_mini.doctor.broker import call_while_reachable
from nova_mini.doctor.finding import Finding
from nova_mini.objects.host_finding import HostFinding
from nova_mini.rpcapi import compute as compute_rpcapi

_THREADS = 16


def audit(hosts: Iterable[str]) -> list[Finding]:
    """The findings of the hosts, in parallel. A host that does not answer is a finding."""
    with futures.ThreadPoolExecutor(_THREADS) as pool:
        return [finding for found in pool.map(_audit, hosts) for finding in found]


def _audit(host: str) -> list[Finding]:
    try:
        compute = compute_rpcapi.ComputeAPI()
        found = call_while_reachable(compute.examine, get_admin_context(), host)
    except messaging.MessagingException:
        return [Finding("host-silent", f"host {host}", "its compute does not answer")]
    except exception.NovaException as exc:
        problem = f"its compute could not check it: {exc.format_message()}"
        return [Finding("host-silent", f"host {host}", problem)]
    return [_finding(host, one) for one in found]


def _finding(host: str, found: HostFinding) -> Finding:
    cure = None
    if found["remedy"] and found["instance_uuid"]:
        cure = functools.partial(_repair, host, found["kind"], found["instance_uuid"])
    since = datetime.datetime.fromisoformat(found["since"]) if found["since"] else None
    subject = f"server {found['instance_uuid']}" if found["instance_uuid"] else f"host {host}"
    return Finding(
        found["kind"], subject, f"{found['problem']} (host {host})", since, found["remedy"], cure
    )


def _repair(host: str, kind: str, instance_uuid: str) -> None:
    repair = compute_rpcapi.ComputeAPI().repair
    try:
        call_while_reachable(repair, get_admin_context(), host, kind, instance_uuid)
    except messaging.MessagingTimeout as exc:
        raise exception.ActionInterrupted(reason=f"host {host} does not answer") from exc
