"""What the hosts have and their records do not say, and the other way round: each living compute
looks for itself, all at once (``compute.examination``)."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterable
from concurrent import futures

import oslo_messaging as messaging

from nova_mini import exception
from nova_mini.compute import rpcapi as compute_rpcapi
from nova_mini.context import get_admin_context
from nova_mini.doctor.finding import Finding
from nova_mini.doctor.patience import while_a_broker_answers

_AT_ONCE = 16


def examine(hosts: Iterable[str]) -> list[Finding]:
    """A host that does not answer is a finding."""
    with futures.ThreadPoolExecutor(_AT_ONCE) as pool:
        return [finding for found in pool.map(_examine, hosts) for finding in found]


def _examine(host: str) -> list[Finding]:
    try:
        compute = compute_rpcapi.ComputeAPI()
        found = while_a_broker_answers(compute.examine, get_admin_context(), host)
    except messaging.MessagingException:
        return [Finding("host-silent", f"host {host}", "its compute does not answer")]
    except exception.NovaException as exc:
        problem = f"its compute could not look: {exc.format_message()}"
        return [Finding("host-silent", f"host {host}", problem)]
    return [_finding(host, one) for one in found]


def _finding(host: str, found: dict) -> Finding:
    """``found``: as ``compute.examination`` tells it."""
    cure = None
    if found["remedy"]:
        cure = functools.partial(_repair, host, found["kind"], found["instance_uuid"])
    since = found["since"] and datetime.datetime.fromisoformat(found["since"])
    subject = f"server {found['instance_uuid']}" if found["instance_uuid"] else f"host {host}"
    return Finding(
        found["kind"], subject, f"{found['problem']} (host {host})", since, found["remedy"], cure
    )


def _repair(host: str, kind: str, instance_uuid: str) -> None:
    repair = compute_rpcapi.ComputeAPI().repair
    try:
        while_a_broker_answers(repair, get_admin_context(), host, kind, instance_uuid)
    except messaging.MessagingTimeout as exc:
        raise exception.ActionInterrupted(reason=f"host {host} does not answer") from exc
