"""Load for a long time with faults all the while; at the end nothing is stuck, nothing leaked, and
no daemon has grown."""

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
_BESIDE = 3  # operations beside the one that is broken
_ASKS_ALL_NEIGHBOURS = "create from volume"
_SETTLED = 5  # minutes, after which a daemon has loaded all that it loads
_GROWTH = 1.15  # of a daemon's memory from then on, by which it is still flat


def run(site, fleet: Fleet, rng: random.Random, minutes: float, report: Report) -> bool:
    """Whether the memory of every daemon was flat; what else was wrong is in ``report``."""
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
    """Any fault that needs no moment to be known before, in any operation that it concerns."""
    after = round(rng.uniform(0, 2), 3)
    fault = rng.choice(
        [
            *(faults.Kill(daemon, after) for daemon in site.daemons),
            *(faults.EngineKill(engine, after) for engine in site.engines),
            *(faults.Partition(host, after, plan.PARTITION_SECONDS) for host in site.hosts),
            *(
                faults.Neighbour(name, mode, 1, plan.OUTAGE_SECONDS)
                for name in site.neighbours
                for mode in proxy.MODES
            ),
        ]
    )
    if isinstance(fault, faults.Neighbour):
        return Injection(ALL[_ASKS_ALL_NEIGHBOURS], fault)
    return Injection(rng.choice(fleet.known), fault)


def _line(minute: int, memory: dict[str, int]) -> str:
    sizes = "".join(f"{name:>14} {size:5} MiB" for name, size in memory.items())
    return f"{minute:4} min {sizes}"


def _is_flat(memory: list[dict[str, int]]) -> bool:
    """Daemons that are killed begin anew, so what tells is the most that each ever had: in the
    second half of the time no more than in the first."""
    settled = memory[_SETTLED:]
    middle = len(settled) // 2
    if not middle:
        return True
    first, second = (_most(half) for half in (settled[:middle], settled[middle:]))
    return all(second[name] <= _GROWTH * first[name] for name in second)


def _most(samples: list[dict[str, int]]) -> dict[str, int]:
    return {name: max(each[name] for each in samples) for name in samples[0]}
