"""The audit of the database: services that are down, unfinished actions, inconsistent records."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable, Iterator, Mapping

from nova_mini import db
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.doctor.broker import call_while_reachable
from nova_mini.doctor.finding import Finding
from nova_mini.exception import Conflict
from nova_mini.objects.instance_action import InstanceAction, context_of
from nova_mini.objects.service import Service, ServiceList
from nova_mini.rpcapi import compute as compute_rpcapi
from nova_mini.rpcapi import conductor as conductor_rpcapi

COMPUTE = "nova-mini-compute"


def audit(services: ServiceList, before: datetime.datetime) -> list[Finding]:
    """The findings. Records that have changed since ``before`` are not checked."""
    return [
        *_services_down(services),
        *_unfinished_actions(services, before),
        *_servers_in_error(),
        *_broken_server_groups(),
        *_sweep_findings(before),
    ]


# -- services ------------------------------------------------------------------------------------


def _services_down(services: ServiceList) -> Iterator[Finding]:
    for service in services:
        if service.is_up:
            continue
        notes = [
            "is forced down" if service.forced_down else "",
            "reports that its hypervisor does not answer" if service.is_alive else "",
            "is down" if not service.is_alive and not service.forced_down else "",
            f"(disabled: {service.disabled_reason or 'no reason given'})"
            if service.disabled
            else "",
        ]
        problem = " ".join(["it", *filter(None, notes)])
        subject = f"{service.binary} on {service.host}"
        yield Finding("service-down", subject, problem, service.last_seen_up)


# -- actions -------------------------------------------------------------------------------------


def _unfinished_actions(services: ServiceList, before: datetime.datetime) -> Iterator[Finding]:
    """Actions that began before ``before`` and are not owned by a running process."""
    running = {each.incarnation for each in services if each.is_alive}
    owners = {each.incarnation: each for each in services}
    computes = {each.host: each for each in services if each.binary == COMPUTE}
    for row in db.actions.get_ownerless(before, running):
        host, owner = row["host"], owners.get(row["owner"])
        problem = f"{row['action']} ({row['method']}) is not done: "
        finding = functools.partial(
            Finding, "unfinished-action", f"server {row['instance_uuid']}", since=row["start_time"]
        )
        if host is not None and not (host in computes and computes[host].is_alive):
            yield finding(f"{problem}it waits for host {host}, which is down")
        else:
            yield finding(
                problem + _why(row, owner),
                remedy="is sent again",
                cure=functools.partial(_send_again, row),
            )


def _why(row: Mapping, owner: Service | None) -> str:
    if owner is not None:
        return f"its owner, {owner.binary} on {owner.host}, is down"
    if row["owner"] is not None:
        return "its owner has ended"
    return f"it has no owner, after {row['attempts']} attempts"


def _send_again(row: Mapping) -> None:
    """Remove the owner of an action and send the action again.

    If the former owner is still running, its further writes are refused. Raises Conflict when the
    action has a new owner.
    """
    if not db.actions.take_away(row["id"], row["owner"], {}):
        raise Conflict("another process owns it now")
    db.recoveries.record(
        row["id"], db.recoveries.RESENT, CONF.host, "An operator had the action sent again."
    )
    if row["host"] is None:
        run_action = conductor_rpcapi.ComputeTaskAPI().run_action
        call_while_reachable(run_action, context_of(row), row["method"], row["id"])
    else:
        action = InstanceAction.from_row(get_admin_context(), row)
        call_while_reachable(compute_rpcapi.ComputeAPI().send, context_of(row), action)


# -- servers -------------------------------------------------------------------------------------


def _servers_in_error() -> Iterator[Finding]:
    rows = db.instances.get_in_error()
    faults = db.instance_faults.get_latest_faults([row["uuid"] for row in rows]) if rows else {}
    for row in rows:
        fault = faults.get(row["uuid"])
        why = fault["message"] if fault else "it has no fault"
        at_host = f" on {row['host']}" if row["host"] else ""
        yield Finding(
            "server-in-error",
            f"server {row['uuid']}",
            f"it is in ERROR{at_host}: {why}",
            fault["created_at"] if fault else row["updated_at"],
        )


# -- server groups -------------------------------------------------------------------------------


def _broken_server_groups() -> Iterator[Finding]:
    """No claim breaks a policy. A server whose allocation was lost gets it back on its host in any
    case, and another member may have come there meanwhile."""
    for group, hosts in db.group_claims.find_broken():
        where = ", ".join(f"{count} on {host}" for host, count in sorted(hosts.items()))
        problem = f"its policy {group['policy']} is broken: {where}"
        yield Finding("server-group-policy", f"server group {group['uuid']}", problem)


# -- the sweeps of the conductors ----------------------------------------------------------------


def _sweep_findings(before: datetime.datetime) -> Iterator[Finding]:
    for kind, (sweep, describe, remedy) in _SWEEPS.items():
        for row in sweep.find(before):
            yield Finding(
                kind, **describe(row), remedy=remedy, cure=functools.partial(_repair, sweep, row)
            )


def _repair(sweep: db.sweeps.Sweep, row: Mapping) -> None:
    if not sweep.repair([row], CONF.host):
        raise Conflict("it has changed; run the doctor again")


def _allocation(row: Mapping) -> dict:
    amounts = f"{row['vcpus']} vcpus, {row['memory_mb']} MiB, {row['local_gb']} GiB"
    return {
        "subject": f"server {row['consumer_uuid']}",
        "problem": f"it is deleted, or on no host, but has {amounts} allocated on {row['host']}",
        "since": row["created_at"],
    }


def _unallocated(row: Mapping) -> dict:
    held = f"its allocation is on {row['held_on']}" if row["held_on"] else "has no allocation"
    return {
        "subject": f"server {row['uuid']}",
        "problem": f"it is on host {row['host']} and {held}",
        "since": row["updated_at"],
    }


def _ledger(row: Mapping) -> dict:
    return {"subject": f"host {row['host']}", "problem": f"its ledger says {_sums(row)}"}


def _usage(row: Mapping) -> dict:
    return {"subject": f"project {row['project_id']}", "problem": f"its usage says {_sums(row)}"}


def _sums(row: Mapping) -> str:
    names = [key.removeprefix("due_") for key in row if key.startswith("due_")]
    wrong = [name for name in names if row[name] != row[f"due_{name}"]]
    return ", ".join(f"{name} {row[name]} where the sum is {row[f'due_{name}']}" for name in wrong)


def _task(row: Mapping) -> dict:
    states = f"{row['vm_state']} with task_state {row['task_state']}"
    return {
        "subject": f"server {row['uuid']}",
        "problem": f"it is {states}, but has no unfinished action",
        "since": row["updated_at"] or row["created_at"],
    }


def _migration(row: Mapping) -> dict:
    problem = f"its migration is {row['status']}, but has no unfinished action"
    return {
        "subject": f"server {row['instance_uuid']}",
        "problem": problem,
        "since": row["updated_at"],
    }


def _records(row: Mapping) -> dict:
    problem = "it is deleted, but has a request spec, disks, tags or a server group"
    return {"subject": f"server {row['uuid']}", "problem": problem}


_SWEEPS: dict[str, tuple[db.sweeps.Sweep, Callable[..., dict], str]] = {
    "stranded-migration": (db.sweeps.STRANDED_MIGRATIONS, _migration, "is ended"),
    "orphaned-allocation": (db.sweeps.ORPHANED_ALLOCATIONS, _allocation, "is deleted"),
    "missing-allocation": (db.sweeps.MISSING_ALLOCATIONS, _unallocated, "is claimed"),
    "wrong-ledger": (db.sweeps.LEDGERS, _ledger, "becomes the sum of its allocations"),
    "wrong-usage": (db.sweeps.USAGES, _usage, "becomes the sum of its servers"),
    "stranded-task": (db.sweeps.STRANDED_TASKS, _task, "is reset"),
    "orphaned-records": (db.sweeps.ORPHANED_RECORDS, _records, "are deleted"),
}
