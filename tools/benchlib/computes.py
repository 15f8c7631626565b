"""The periodic tasks of many computes in one process. Each host has its real manager and record,
and sends the same messages to the conductors as a compute service. But the process receives no
messages for these hosts.
"""

from __future__ import annotations

import heapq
import random
import time
import uuid
from concurrent import futures

from nova_mini import rpc
from nova_mini.compute.manager import ComputeManager
from nova_mini.context import get_admin_context
from nova_mini.objects.service import Service as ServiceRecord
from nova_mini.service import Periodic, Service

BINARY = "nova-mini-compute"
_THREADS = 16


class Computes:
    """`count` computes, registered as services from `__enter__` to `__exit__`."""

    def __init__(self, count: int):
        mark = uuid.uuid4().hex[:6]
        self._services = [
            Service(BINARY, rpc.COMPUTE_TOPIC, f"bench-{mark}-{number}", ComputeManager)
            for number in range(count)
        ]
        self._pool = futures.ThreadPoolExecutor(_THREADS)
        self.done = 0

    def __enter__(self) -> Computes:
        list(self._pool.map(Service.register, self._services))
        return self

    def __exit__(self, *_) -> None:
        list(self._pool.map(_forget, self._services))
        self._pool.shutdown()

    def work(self, seconds: float) -> None:
        """Run the periodic tasks for `seconds`. Raises the exceptions of the tasks."""
        start = time.monotonic()
        due = [
            (start + random.uniform(0, spacing), number, spacing, task)
            for number, (spacing, task) in enumerate(self._tasks())
        ]
        heapq.heapify(due)
        running: list[futures.Future] = []
        while due[0][0] < start + seconds:
            at, number, spacing, task = due[0]
            time.sleep(max(0.0, at - time.monotonic()))
            running.append(self._pool.submit(task))
            heapq.heapreplace(due, (at + spacing, number, spacing, task))
        for future in running:
            future.result()
        self.done += len(running)

    def _tasks(self) -> list[Periodic]:
        return [task for service in self._services for task in service.periodic_tasks()]


def _forget(service: Service) -> None:
    context = get_admin_context()
    service.manager.cleanup_host()
    ServiceRecord.get_by_host_and_binary(context, service.host, BINARY).destroy()
