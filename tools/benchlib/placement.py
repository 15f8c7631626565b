"""Requests for the scheduler, and how many servers per second it places, without messages."""

from __future__ import annotations

import time
import uuid

from nova_mini.objects.request_spec import RequestSpec
from nova_mini.scheduler.manager import SchedulerManager

ALTERNATES = 2


def spec(memory_mb: int, local_gb: int, architecture: str = "x86_64") -> RequestSpec:
    """The spec of a server with one vCPU, memory (MiB), disk (GiB) and an architecture."""
    return RequestSpec(
        instance_uuid=str(uuid.uuid4()),
        project_id="bench",
        vcpus=1,
        memory_mb=memory_mb,
        local_gb=local_gb,
        extra_specs={},
        image_properties={"hw_architecture": architecture},
        availability_zone=None,
        force_host=None,
        force_node=None,
        requested_host=None,
        ignore_hosts=[],
        scheduler_hints={},
    )


def rate(scheduler: SchedulerManager, requests: list[list[RequestSpec]]) -> dict[str, float]:
    """Place the servers of each request. Return the rates by wall-clock time and by CPU time."""
    wall, cpu = time.perf_counter(), time.process_time()
    for specs in requests:
        scheduler.select_destinations(None, specs, ALTERNATES)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    count = sum(map(len, requests))
    return {
        "servers_per_request": round(count / len(requests)),
        "ms_per_request": round(1000 * wall / len(requests), 2),
        "placements_per_s": round(count / wall),
        "placements_per_cpu_s": round(count / cpu),
    }
