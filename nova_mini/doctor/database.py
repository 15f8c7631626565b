"""What the records say: work that nobody does, sums that are wrong, services that are silent."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable, Iterator

from nova_mini import db
from nova_mini.compute import rpcapi as compute_rpcapi
from nova_mini.conductor import rpcapi as conductor_rpcapi
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.doctor.finding import Finding
from nova_mini.doctor.patience import while_a_broker_answers
from nova_mini.exception import Conflict
from nova_mini.objects.instance_action import InstanceAction, context_of
from nova_mini.objects.service import Service, ServiceList

COMPUTE = "nova-mini-compute"


def examine(services: ServiceList, before: datetime.datetime) -> list[Finding]:
    """Of what has not changed since ``before``."""
    return [
        *_silent_services(services),
        *_unfinished_actions(services, before),
        *_servers_in_error(),
        *_swept(before),
    ]


# -- services ------------------------------------------------------------------------------------


def _silent_services(services: ServiceList) -> Iterator[Finding]:
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
    """Begun before then, not finished, and no living process is at it."""
    living = {each.incarnation for each in services if each.is_alive}
    owners = {each.incarnation: each for each in services}
    computes = {each.host: each for each in services if each.binary == COMPUTE}
    for row in db.actions.get_ownerless(before, living):
        host, owner = row["host"], owners.get(row["owner"])
        told = f"{row['action']} ({row['method']}) is not done: "
        finding = functools.partial(
            Finding, "unfinished-action", f"server {row['instance_uuid']}", since=row["start_time"]
        )
        if host is not None and not (host in computes and computes[host].is_alive):
            yield finding(f"{told}it waits for host {host}, which is down")
        else:
            yield finding(
                told + _why(row, owner), remedy="is sent again",
                cure=functools.partial(_send_again, row),
            )  # fmt: skip


def _why(row, owner: Service | None) -> str:
    if owner is not None:
        return f"{owner.binary} on {owner.host} had taken it up and is down"
    if row["owner"] is not None:
        return "who was doing it has ended"
    return f"nobody is at it, after {row['attempts']} attempts"


def _send_again(row) -> None:
    """Nobody's, and told to who can do it; what a silent doer still writes of it is refused."""
    if not db.actions.take_away(row["id"], row["owner"], {}):
        raise Conflict("somebody has taken it up meanwhile")
    db.recoveries.record(
        row["id"], db.recoveries.RESENT, CONF.host, "An operator had it sent again."
    )
    if row["host"] is None:
        run_action = conductor_rpcapi.ComputeTaskAPI().run_action
        while_a_broker_answers(run_action, context_of(row), row["method"], row["id"])
    else:
        action = InstanceAction.from_row(get_admin_context(), row)
        while_a_broker_answers(compute_rpcapi.ComputeAPI().send, context_of(row), action)


# -- servers -------------------------------------------------------------------------------------


def _servers_in_error() -> Iterator[Finding]:
    rows = db.instances.get_in_error()
    faults = db.instances.get_latest_faults([row["uuid"] for row in rows]) if rows else {}
    for row in rows:
        fault = faults.get(row["uuid"])
        why = fault["message"] if fault else "no fault tells why"
        where = f" on {row['host']}" if row["host"] else ""
        yield Finding(
            "server-in-error", f"server {row['uuid']}", f"it is in ERROR{where}: {why}",
            fault["created_at"] if fault else row["updated_at"],
        )  # fmt: skip


# -- what the conductors sweep -------------------------------------------------------------------


def _swept(before: datetime.datetime) -> Iterator[Finding]:
    for kind, (sweep, describe, remedy) in _SWEEPS.items():
        for row in sweep.find(before):
            yield Finding(
                kind, **describe(row), remedy=remedy, cure=functools.partial(_mend, sweep, row)
            )


def _mend(sweep, row) -> None:
    if not sweep.mend([row], CONF.host):
        raise Conflict("it has changed meanwhile; look again")


def _allocation(row) -> dict:
    share = f"{row['vcpus']} vcpus, {row['memory_mb']} MiB, {row['local_gb']} GiB"
    return {
        "subject": f"server {row['consumer_uuid']}",
        "problem": f"it is gone, or on no host, and still holds {share} of host {row['host']}",
        "since": row["created_at"],
    }


def _unallocated(row) -> dict:
    held = f"has its share on {row['held_on']}" if row["held_on"] else "holds nothing"
    return {
        "subject": f"server {row['uuid']}",
        "problem": f"it is on host {row['host']} and {held}",
        "since": row["updated_at"],
    }


def _ledger(row) -> dict:
    return {"subject": f"host {row['host']}", "problem": f"its ledger says {_sums(row)}"}


def _usage(row) -> dict:
    return {"subject": f"project {row['project_id']}", "problem": f"its usage says {_sums(row)}"}


def _sums(row) -> str:
    names = [key.removeprefix("due_") for key in row if key.startswith("due_")]
    wrong = [name for name in names if row[name] != row[f"due_{name}"]]
    return ", ".join(f"{name} {row[name]} where the sum is {row[f'due_{name}']}" for name in wrong)


def _task(row) -> dict:
    return {
        "subject": f"server {row['uuid']}",
        "problem": f"it is {row['vm_state']} with the task {row['task_state']}, which nobody does",
        "since": row["updated_at"] or row["created_at"],
    }


def _records(row) -> dict:
    problem = "it is gone, and its request, disks or tags are still recorded"
    return {"subject": f"server {row['uuid']}", "problem": problem}


_SWEEPS: dict[str, tuple[db.sweeps.Sweep, Callable[..., dict], str]] = {
    "orphaned-allocation": (db.sweeps.ORPHANED_ALLOCATIONS, _allocation, "is given back"),
    "missing-allocation": (db.sweeps.MISSING_ALLOCATIONS, _unallocated, "is claimed"),
    "wrong-ledger": (db.sweeps.LEDGERS, _ledger, "becomes the sum of its allocations"),
    "wrong-usage": (db.sweeps.USAGES, _usage, "becomes the sum of its servers"),
    "stranded-task": (db.sweeps.STRANDED_TASKS, _task, "is ended"),
    "orphaned-records": (db.sweeps.ORPHANED_RECORDS, _records, "are deleted"),
}
