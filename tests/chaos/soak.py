"""Soak test: load with faults for a long time. At the end nothing is stuck or leaked, and no
daemon's memory has grown."""

from __future__ import annotations

import random
import time

from tests.chaos import faults, plan, proxy, rounds
from tests.chaos.fleet import Fleet
from tests.chaos.operations import ALL
from tests.chaos.report import BAD, Report
from tests.chaos.rounds import Injection

_EVERY = 20  # seconds from one fault to the next
_IDLE = 6  # servers
_BESIDE = 3  # concurrent operations without a fault
_USES_ALL_SERVICES = "create from volume"
_SETTLED = 5  # minutes until a daemon has loaded everything
_GROWTH = 1.15  # the allowed growth of a daemon's memory after that, as a factor


def run(site, fleet: Fleet, rng: random.Random, minutes: float, report: Report) -> bool:
    """Return whether the memory of every daemon has not grown. Other errors are in ``report``."""
    begun = time.monotonic()
    memory: list[dict[str, int]] = []
    while time.monotonic() < begun + 60 * minutes:
        due = time.monotonic() + _EVERY
        fleet.keep(_IDLE)
        rows = rounds.play(site, fleet, [_next(site, fleet, rng)], _BESIDE)
        report.rows += rows
        print(*rows, sep="\n", flush=True)
        if time.monotonic() - begun >= 60 * len(memory):
            memory.append(site.memory())
            print(_line(len(memory) - 1, memory[-1]), flush=True)
        while time.monotonic() < due:
            rows = rounds.play(site, fleet, [], _BESIDE)
            report.rows += rows
            for row in rows:
                if row.outcome in BAD:
                    print(row, flush=True)
    memory.append(site.memory())
    print("memory, minute by minute:", *map(_line, range(len(memory)), memory), sep="\n")
    return _is_flat(memory)


def _next(site, fleet: Fleet, rng: random.Random) -> Injection:
    """A random fault that needs no injection point, in a random operation that it affects."""
    after = round(rng.uniform(0, 2), 3)
    fault = rng.choice(
        [
            *(faults.Kill(daemon, after) for daemon in site.daemons),
            *(faults.EngineKill(engine, after) for engine in site.engines),
            *(faults.Partition(host, after, plan.PARTITION_SECONDS) for host in site.hosts),
            *(
                faults.ServiceFault(name, mode, 1, plan.OUTAGE_SECONDS)
                for name in site.external_services
                for mode in proxy.MODES
            ),
        ]
    )
    if isinstance(fault, faults.ServiceFault):
        return Injection(ALL[_USES_ALL_SERVICES], fault)
    return Injection(rng.choice(fleet.known), fault)


def _line(minute: int, memory: dict[str, int]) -> str:
    sizes = "".join(f"{name:>14} {size:5} MiB" for name, size in memory.items())
    return f"{minute:4} min {sizes}"


def _is_flat(memory: list[dict[str, int]]) -> bool:
    """Compare the maximum of each daemon in the second half of the time with that in the first.
    Killed daemons start with less memory, so only the maximum is significant."""
    settled = memory[_SETTLED:]
    middle = len(settled) // 2
    if not middle:
        return True
    first, second = (_most(half) for half in (settled[:middle], settled[middle:]))
    return all(second[name] <= _GROWTH * first[name] for name in second)


def _most(samples: list[dict[str, int]]) -> dict[str, int]:
    return {name: max(each[name] for each in samples) for name in samples[0]}
