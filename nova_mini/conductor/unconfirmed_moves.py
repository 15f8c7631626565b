"""Confirm the resizes and migrations that their users have left waiting for too long."""

from __future__ import annotations

import datetime
import logging

from nova_mini import db, exception
from nova_mini.actions import intents, operations
from nova_mini.clock import utcnow
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.objects.instance import Instance
from nova_mini.objects.migration import Migration, MigrationList
from nova_mini.rpcapi import compute as compute_rpcapi
from nova_mini.states import migration_states, task_states, vm_states

LOG = logging.getLogger(__name__)

INTERVAL = 60  # seconds between two searches


class UnconfirmedMoves:
    """``owner`` is the incarnation of this conductor."""

    def __init__(self, owner: str):
        self._owner = owner

    def confirm(self) -> None:
        """Confirm every move that was finished more than ``resize_confirm_window`` seconds ago.

        A periodic task of all conductors, of which one at a time holds the lease.
        """
        window = CONF.resize_confirm_window
        if not window or not db.leases.take("confirm moves", self._owner, INTERVAL * 3):
            return
        before = utcnow() - datetime.timedelta(seconds=window)
        for migration in MigrationList.get_unconfirmed(get_admin_context(), before):
            try:
                _confirm(migration)
            except (exception.InstanceNotFound, exception.Conflict) as exc:
                LOG.info("Instance %s: not confirmed now: %s", migration.instance_uuid, exc)


def _confirm(migration: Migration) -> None:
    """Raises Conflict if the server is not resized any more, or an action has begun on it."""
    context = get_admin_context()
    instance = Instance.get_by_uuid(context, migration.instance_uuid)
    instance.task_state = task_states.RESIZE_CONFIRMING
    migration.status = migration_states.CONFIRMING
    action = intents.begin(
        context,
        instance,
        operations.CONFIRM,
        at_host=migration.source_compute,
        with_records=migration.write,
        expected_task_state=(None,),
        expected_vm_state=(vm_states.RESIZED,),
    )
    compute_rpcapi.ComputeAPI().send(context, action)
