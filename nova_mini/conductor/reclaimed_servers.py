"""Delete the servers that users have deleted long enough ago (``reclaim_instance_interval``)."""

from __future__ import annotations

import datetime
import logging

from nova_mini import db, exception
from nova_mini.actions import intents, operations
from nova_mini.actions.parameters import DeleteParameters
from nova_mini.clock import utcnow
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.objects.instance import Instance
from nova_mini.rpcapi import compute as compute_rpcapi
from nova_mini.states import task_states, vm_states

LOG = logging.getLogger(__name__)

INTERVAL = 60  # seconds between two searches, at most


class ReclaimedServers:
    """``owner`` is the incarnation of this conductor."""

    def __init__(self, owner: str):
        self._owner = owner

    def reclaim(self) -> None:
        """Delete every server that was soft-deleted more than ``reclaim_instance_interval`` seconds
        ago.

        A periodic task of all conductors, of which one at a time holds the lease.
        """
        seconds = CONF.reclaim_instance_interval
        if not seconds or not db.leases.take("reclaim servers", self._owner, INTERVAL * 3):
            return
        before = utcnow() - datetime.timedelta(seconds=seconds)
        for uuid in db.instance_deletion.get_soft_deleted(before):
            try:
                _delete(uuid)
            except (exception.InstanceNotFound, exception.Conflict) as exc:
                LOG.info("Instance %s: not reclaimed now: %s", uuid, exc)


def interval() -> float:
    """Seconds between two searches: a server is reclaimed not much later than it was promised."""
    return min(INTERVAL, CONF.reclaim_instance_interval or INTERVAL)


def _delete(uuid: str) -> None:
    """Raises Conflict if the server was restored, or an action has begun on it."""
    context = get_admin_context()
    instance = Instance.get_by_uuid(context, uuid)
    instance.task_state = task_states.DELETING
    action = intents.begin(
        context,
        instance,
        operations.DELETE,
        DeleteParameters(),
        expected_task_state=(None,),
        expected_vm_state=(vm_states.SOFT_DELETED,),
    )
    LOG.info("Instance %s: reclaimed", uuid)
    compute_rpcapi.ComputeAPI().send(context, action)
