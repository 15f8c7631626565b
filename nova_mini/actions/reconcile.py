"""Send actions again that have no living owner, on the conductors.

The message of such an action was lost, or its owner died, or it was requeued. All conductors run
this code. A lease in the database lets one of them work at a time.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Mapping
from typing import Any, Protocol

from nova_mini import db, exception
from nova_mini.actions.operations import REGISTRY
from nova_mini.actions.registry import ContinueAtConductor, Operation
from nova_mini.clock import utcnow
from nova_mini.conf import CONF
from nova_mini.context import RequestContext, get_admin_context
from nova_mini.objects.instance_action import InstanceAction, context_of
from nova_mini.objects.service import Service, ServiceList
from nova_mini.rpcapi import compute as compute_rpcapi

LOG = logging.getLogger(__name__)

Row = Mapping[str, Any]


class Tasks(Protocol):
    """The part of a conductor that runs operations."""

    def run(self, operation: Operation, context: RequestContext, action_ids: list[int]) -> None: ...

    def is_running(self, action_id: int) -> bool: ...


class Reconciler:
    """``owner`` is the incarnation of this conductor."""

    def __init__(self, tasks: Tasks, owner: str):
        self._tasks = tasks
        self._owner = owner
        self._compute_rpcapi = compute_rpcapi.ComputeAPI()

    def resume_abandoned_actions(self) -> None:
        """Send every unfinished action without a living owner to its host or to a conductor."""
        if not db.leases.take("reconcile", self._owner, CONF.conductor.reconcile_interval * 3):
            return
        sent_before = utcnow() - datetime.timedelta(seconds=CONF.conductor.recast_after)
        rows = db.actions.get_abandoned(sent_before)
        if not rows:
            return
        computes = _computes()
        ids = [row["id"] for row in rows]
        db.actions.mark_sent(ids)
        reasons = {row["id"]: _why_sent_again(row) for row in rows}
        db.recoveries.record_once(ids, db.recoveries.RESENT, CONF.host, reasons)
        for row in rows:
            try:
                self._resume(row, computes)
            except Exception:  # continue with the other actions
                LOG.exception("Action %s could not be sent again", row["id"])

    def resume_own_actions(self) -> None:
        """Resume the actions that this conductor owns and does not run.

        An error made the conductor drop them, for example when the database did not answer. Every
        conductor does this for its own actions.
        """
        for row in db.actions.get_owned(self._owner):
            if not self._tasks.is_running(row["id"]):
                LOG.warning("Action %s was dropped and is resumed", row["id"])
                try:
                    operation = REGISTRY.find(row["host"], row["method"])
                    self._tasks.run(operation, context_of(row), [row["id"]])
                except Exception:  # continue with the other actions
                    LOG.exception("Action %s could not be resumed", row["id"])

    def _resume(self, row: Row, computes: Mapping[str, Service]) -> None:
        host = row["host"]
        LOG.info(
            "Instance %s: action %s (%s) has no owner and is sent again",
            row["instance_uuid"],
            row["id"],
            row["method"],
        )
        try:
            operation = REGISTRY.find(host, row["method"])
        except exception.UnknownOperation as exc:
            LOG.error("Action %s waits for a conductor of a later release: %s", row["id"], exc)
            return
        context = context_of(row)
        if host is None:
            self._tasks.run(operation, context, [row["id"]])
        elif host in computes and computes[host].is_alive:
            self._compute_rpcapi.send(context, InstanceAction.from_row(context, row))
        elif operation.when_host_is_down is not None:
            self._continue_here(context, row, operation, operation.when_host_is_down)

    def _continue_here(
        self,
        context: RequestContext,
        row: Row,
        operation: Operation,
        continuation: ContinueAtConductor,
    ) -> None:
        """Continue an action at the conductors, because its host is down."""
        if continuation.if_unclaimed and row["owner"] is not None:
            return
        if continuation.if_on_no_host and not _is_on_no_host(row["instance_uuid"]):
            return
        if continuation.if_fenced and not _is_unclaimed_or_fenced(row):
            return
        stored = operation.parameters.from_args(row["args"], row["args_version"] or 1)
        reason = f"host {row['host']} is down"
        if _move_to_conductors(row, continuation, stored, reason):
            self._tasks.run(continuation.operation, context, [row["id"]])


def _move_to_conductors(
    row: Row, continuation: ContinueAtConductor, stored: Any, reason: str
) -> bool:
    """Returns False when a process has claimed the action meanwhile."""
    parameters = continuation.convert(stored, row["host"], reason)
    values = {
        "host": None,
        "method": continuation.operation.name,
        "args": parameters.to_args(),
        "args_version": parameters.VERSION,
    }
    with db.session.writer():
        if not db.actions.take_away(row["id"], row["owner"], values):
            return False
        if continuation.if_fenced:
            db.fences.leave_destination(row["instance_uuid"])
        db.recoveries.record(
            row["id"],
            db.recoveries.TAKEN,
            CONF.host,
            f"Host {row['host']} is down: {row['method']} is not waited for there.",
        )
    return True


def _computes() -> dict[str, Service]:
    services = ServiceList.get_all(get_admin_context(), binary="nova-mini-compute")
    return {service.host: service for service in services}


def _is_on_no_host(instance_uuid: str) -> bool:
    instance = db.instances.get_by_uuid(instance_uuid)
    return instance is not None and instance["host"] is None


def _is_unclaimed_or_fenced(row: Row) -> bool:
    if row["owner"] is None and not row["attempts"]:
        return True
    service = db.fences.get_service(row["host"])
    return service is not None and db.fences.is_fenced(service)


def _why_sent_again(row: Row) -> str:
    if row["owner"] is not None:
        return f"The process that ran {row['method']} ended before it was done."
    if row["attempts"]:
        return f"{row['method']} was requeued until a service that it needs answers again."
    return f"{row['method']} was not claimed: its message was lost, or is late."
