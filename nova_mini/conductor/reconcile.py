"""Someone always comes by: what has lost its doer is done again, what nobody owns is swept away.

Runs on every conductor, at one of them at a time (a lease in the database says which).
"""

from __future__ import annotations

import datetime
import logging

from nova_mini import db
from nova_mini.compute import rpcapi as compute_rpcapi
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.objects.base import utcnow
from nova_mini.objects.instance_action import InstanceAction, context_of
from nova_mini.objects.service import Service, ServiceList

LOG = logging.getLogger(__name__)


class Reconciler:
    """``task_manager`` does here what waits for a conductor; ``owner`` is our incarnation."""

    def __init__(self, task_manager, owner: str):
        self._tasks = task_manager
        self._owner = owner
        self._compute_rpcapi = compute_rpcapi.ComputeAPI()

    def resume_abandoned_actions(self) -> None:
        """Send every unfinished action that nobody does to where it can be done."""
        if not db.leases.take("reconcile", self._owner, CONF.conductor.reconcile_interval * 3):
            return
        sent_before = utcnow() - datetime.timedelta(seconds=CONF.conductor.recast_after)
        rows = db.actions.get_abandoned(sent_before)
        if not rows:
            return
        computes = self._computes()
        ids = [row["id"] for row in rows]
        db.actions.mark_sent(ids)
        reasons = {row["id"]: _why_sent_again(row) for row in rows}
        db.recoveries.record_once(ids, db.recoveries.RESENT, CONF.host, reasons)
        for row in rows:
            try:
                self._resume(row, computes)
            except Exception:  # the others shall not wait for this one
                LOG.exception("Action %s could not be sent again", row["id"])

    def resume_own_actions(self) -> None:
        """Take up what this conductor claimed and does not do: an error made it drop it.

        It happens when the database goes away in the middle. Every conductor looks after its own.
        """
        for row in db.actions.get_owned(self._owner):
            if row["id"] not in self._tasks.running_actions:
                LOG.warning("Action %s was dropped, doing it again", row["id"])
                getattr(self._tasks, row["method"])(context_of(row), [row["id"]])

    def _computes(self) -> dict[str, Service]:
        services = ServiceList.get_all(get_admin_context(), binary="nova-mini-compute")
        return {service.host: service for service in services}

    def _resume(self, row, computes: dict[str, Service]) -> None:
        context = context_of(row)
        host = row["host"]
        LOG.info(
            "Action %s (%s) of instance %s has no doer, sending it again",
            row["id"], row["method"], row["instance_uuid"],
        )  # fmt: skip
        if host is None:
            getattr(self._tasks, row["method"])(context, [row["id"]])
        elif host in computes and computes[host].is_alive:
            self._compute_rpcapi.send(context, InstanceAction.from_row(context, row))
        else:
            self._take_from_dead_host(context, row)

    def _take_from_dead_host(self, context, row) -> None:
        """A delete is done without the host; a build that it never began goes to another one, as
        does a shelved server that has not come to it.

        Everything else waits for the host: only it has the server's disks.
        """
        if row["method"] == "terminate_instance":
            args = {**(row["args"] or {}), "host_is_down": True}
            moved = self._move_to_conductor(row, "delete_unscheduled_instance", args)
        elif row["method"] == "build_and_run_instance" and row["owner"] is None:
            tried = [*row["args"].get("tried", []), row["host"]]
            moved = self._move_to_conductor(
                row,
                "build_instances",
                {**row["args"], "tried": tried, "reason": f"host {row['host']} is down"},
            )
        elif row["method"] == "unshelve_instance" and self._is_on_no_host(row):
            moved = self._move_to_conductor(row, "unshelve_instance", row["args"])
        else:
            return
        if moved:
            getattr(self._tasks, moved)(context, [row["id"]])

    @staticmethod
    def _is_on_no_host(row) -> bool:
        instance = db.instances.get_by_uuid(row["instance_uuid"])
        return row["owner"] is None and instance is not None and instance["host"] is None

    @staticmethod
    def _move_to_conductor(row, method: str, args: dict | None) -> str | None:
        values = {"host": None, "method": method, "args": args}
        with db.session.writer():
            if not db.actions.take_away(row["id"], row["owner"], values):
                return None
            db.recoveries.record(
                row["id"], db.recoveries.TAKEN, CONF.host,
                f"Host {row['host']} is down: {row['method']} is not waited for there.",
            )  # fmt: skip
        return method

    def sweep(self) -> None:
        """Correct what should never differ and, after a crash at a bad moment, may."""
        if not db.leases.take("sweep", self._owner, CONF.conductor.sweep_interval * 3):
            return
        before = utcnow() - datetime.timedelta(seconds=CONF.conductor.sweep_interval)
        for sweep in db.sweeps.ALL:
            found = sweep.find(before)
            count = sweep.mend(found, CONF.host) if found else 0
            if count:
                LOG.warning("Swept: %d %s", count, sweep.what)


def _why_sent_again(row) -> str:
    if row["owner"] is not None:
        return f"Who was doing {row['method']} ended before it was done."
    if row["attempts"]:
        return f"{row['method']} was put back until what it needs is there again."
    return f"Nobody took up {row['method']}: its message was lost, or is late."
