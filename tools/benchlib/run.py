"""Run the phases one after the other, and measure their cost."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchlib import lifecycle, moves, own_share, processes, reads, volumes
from benchlib.compute import Compute
from benchlib.errors import BenchError

LEAST_CPU = 0.05  # seconds; a service with less is left out


class Sizes(NamedTuple):
    """The size of the workload. Published results use the defaults."""

    burst: int = 100
    concurrency: int = 10
    single: int = 10
    readers: int = 8
    duration: float = 8.0  # seconds that a read phase lasts
    fill: int = 1000
    volumes: int = 20  # how often a volume is attached and detached
    idle: float = 30.0  # seconds of the phase idle


def phases(compute: Compute, sizes: Sizes) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return the phases by name."""
    return {
        "single": lambda: lifecycle.single(compute, sizes.single),
        "own": lambda: own_share.own_share(compute, sizes.single),
        "actions": lambda: lifecycle.actions(compute),
        "moves": lambda: moves.moves(compute, sizes.single),
        "burst": lambda: lifecycle.burst(compute, sizes.burst, sizes.concurrency),
        "fill": lambda: lifecycle.fill(compute, sizes.fill, sizes.concurrency),
        "show": lambda: reads.show(compute, sizes.readers, sizes.duration),
        "list": lambda: reads.list_servers(compute, sizes.readers, sizes.duration),
        "volumes": lambda: volumes.attach(compute, sizes.volumes),
        "delete": lambda: lifecycle.delete(compute, sizes.concurrency),
        "idle": lambda: _idle(sizes.idle),
    }


def run_phase(name: str, phase: Callable[[], dict[str, Any]], rundir: Path | None) -> dict:
    """Run one phase; return its results, with the reason in `failed` if it failed."""
    start, before = time.monotonic(), _cpu(rundir)
    figures: dict[str, Any] = {}
    try:
        figures |= phase()
        lifecycle.check(figures)
    except BenchError as error:
        figures["failed"] = str(error)
    spent = {service: used - before.get(service, 0) for service, used in _cpu(rundir).items()}
    named = sum(used for service, used in spent.items() if service != "_machine_busy")
    spent["_others"] = spent["_machine_busy"] - named
    figures["cpu_s"] = {s: round(used, 2) for s, used in sorted(spent.items()) if used >= LEAST_CPU}
    return {"phase": name, "took_s": round(time.monotonic() - start, 1), **figures}


def _idle(seconds: float) -> dict[str, Any]:
    """Send no requests: measures heartbeats and other periodic tasks."""
    time.sleep(seconds)
    return {"seconds": seconds}


def _cpu(rundir: Path | None) -> dict[str, float]:
    """Return the used CPU seconds of each service, of this program, and of the machine."""
    seconds = processes.cpu_seconds(processes.find(rundir))
    seconds["_client"] = sum(os.times()[:4])
    seconds["_machine_busy"] = processes.machine_busy_seconds()
    return seconds
