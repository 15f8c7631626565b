"""What one conductor process does: its endpoints, the heartbeats that it takes, and its rounds."""

from __future__ import annotations

from nova_mini.conductor import heartbeat_queue
from nova_mini.conductor.manager import ComputeTaskManager, ConductorManager
from nova_mini.conductor.reconcile import Reconciler
from nova_mini.conf import CONF
from nova_mini.objects.service import Service
from nova_mini.service import Manager, Periodic


class ConductorService(Manager):
    def __init__(self, host: str, incarnation: str):
        self.threads = CONF.conductor.threads
        tasks = ComputeTaskManager(incarnation)
        self.endpoints = [ConductorManager(), tasks]
        self._reconciler = Reconciler(tasks, incarnation)
        self.beside = [heartbeat_queue.get_server(Service.report)]

    def periodic_tasks(self) -> list[Periodic]:
        return [
            (CONF.conductor.reconcile_interval, self._reconciler.resume_abandoned_actions),
            (CONF.conductor.reconcile_interval, self._reconciler.resume_own_actions),
            (CONF.conductor.sweep_interval, self._reconciler.sweep),
            (CONF.conductor.sweep_interval / 2, _discard_unfinished_images),
        ]


def _discard_unfinished_images() -> None:
    """Every conductor does, as twice is once; and often, as users see these images."""
    # With it comes the client of Glance, which a conductor does not need to start.
    from nova_mini.conductor import unfinished_images

    unfinished_images.discard_all()
