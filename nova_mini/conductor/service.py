"""A conductor process: its RPC endpoints, its heartbeat queue and its periodic tasks."""

from __future__ import annotations

from nova_mini.actions.reconcile import Reconciler
from nova_mini.conductor import (
    automatic_evacuation,
    fencing,
    reclaimed_servers,
    unconfirmed_moves,
    usage_audit,
)
from nova_mini.conductor.housekeeping import PURGE_INTERVAL, Housekeeper
from nova_mini.conductor.manager import ComputeTaskManager, ConductorManager
from nova_mini.conf import CONF
from nova_mini.objects.service import Service
from nova_mini.rpcapi import heartbeat_queue
from nova_mini.service import Manager, Periodic


class ConductorService(Manager):
    def __init__(self, host: str, incarnation: str):
        self.threads = CONF.conductor.threads
        tasks = ComputeTaskManager(incarnation)
        self.endpoints = [ConductorManager(), tasks]
        self._reconciler = Reconciler(tasks, incarnation)
        self._housekeeper = Housekeeper(incarnation)
        self._unconfirmed_moves = unconfirmed_moves.UnconfirmedMoves(incarnation)
        self._reclaimed_servers = reclaimed_servers.ReclaimedServers(incarnation)
        self._usage_audits = usage_audit.UsageAudits(incarnation)
        self._automatic_evacuation = automatic_evacuation.AutomaticEvacuation(incarnation)
        self.beside = [heartbeat_queue.get_server(Service.report)]

    def periodic_tasks(self) -> list[Periodic]:
        return [
            (CONF.conductor.reconcile_interval, self._reconciler.resume_abandoned_actions),
            (CONF.conductor.reconcile_interval, self._reconciler.resume_own_actions),
            (CONF.conductor.reconcile_interval, fencing.fence_destinations),
            (CONF.conductor.sweep_interval, self._housekeeper.sweep),
            (PURGE_INTERVAL, self._housekeeper.purge),
            (PURGE_INTERVAL, self._housekeeper.remove_console_tokens),
            (automatic_evacuation.INTERVAL, self._automatic_evacuation.run),
            (unconfirmed_moves.INTERVAL, self._unconfirmed_moves.confirm),
            (usage_audit.INTERVAL, self._usage_audits.run),
            (reclaimed_servers.interval(), self._reclaimed_servers.reclaim),
            (CONF.conductor.sweep_interval / 2, _discard_unfinished_images),
        ]


def _discard_unfinished_images() -> None:
    """Run by every conductor, because it is idempotent; often, because users see these images."""
    # Imported late: it loads the client of Glance, which a conductor does not need to start.
    from nova_mini.conductor import unfinished_image_sweep

    unfinished_image_sweep.discard_all()
