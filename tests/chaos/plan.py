"""Which fault strikes when: every moment of every operation, in an order that a seed repeats."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Mapping, Sequence

from tests.chaos import faults, proxy
from tests.chaos.discovery import Walk
from tests.chaos.operations import ALL
from tests.chaos.rounds import Injection

PAUSES = (0, 10)  # seconds that a killed daemon stays dead
PARTITION_SECONDS = 30
OUTAGE_SECONDS = 8  # of a neighbour


def deaths(
    moments: Mapping[str, Sequence[tuple[str, str]]], pauses: Iterable[float], hosts: Sequence[str]
) -> list[Injection]:
    """Each daemon dies at each moment of each operation (name -> steps or calls of its
    :class:`Walk`); the computes of ``hosts`` in turn."""
    turns = itertools.cycle(hosts)
    made = []
    for name, places in moments.items():
        for daemon, moment in places:
            who = next(turns) if daemon in hosts else daemon
            for pause in pauses if who != "api" else [0]:  # whose parent replaces it by itself
                made.append(_injection(name, faults.Death(who, moment, pause), who))
    return made


def messages(walks: Mapping[str, Walk]) -> list[Injection]:
    """Each message of each operation is lost, and comes twice."""
    return [
        _injection(name, faults.Message(daemon, method, copies))
        for name, walk in walks.items()
        for daemon, method in walk.messages
        for copies in (0, 2)
    ]


def neighbours(
    walks: Mapping[str, Walk], rng: random.Random, seconds: float, modes=proxy.MODES
) -> list[Injection]:
    """Each neighbour fails in each way in each operation that needs it, at any of its requests."""
    return [
        _injection(name, faults.Neighbour(service, mode, rng.randint(1, number), seconds))
        for name, walk in walks.items()
        for service, number in walk.requests.items()
        if number
        for mode in modes
    ]


def surroundings(
    walks: Mapping[str, Walk], rng: random.Random, engines: Iterable[str],
    partitions: Mapping[str, float], has_disk: bool,
) -> list[Injection]:  # fmt: skip
    """What serves all dies in the middle; hosts are cut off, ``partitions`` says for how long."""
    made = []
    for name in walks:
        made += [
            _injection(name, faults.EngineKill(engine, round(rng.uniform(0, 1), 3)))
            for engine in engines
        ]
        made += [
            _injection(name, faults.Partition(host, round(rng.uniform(0, 1), 3), seconds), host)
            for host, seconds in partitions.items()
        ]
    if has_disk and "create" in walks:
        made += [_injection("create", faults.DiskFull(8))]
    return made


def _injection(name: str, fault, daemon: str | None = None) -> Injection:
    host = None if daemon in (None, "api", "conductor", "scheduler") else daemon
    return Injection(ALL[name], fault, host)


def of_all_kinds(injections: list[Injection]) -> list[Injection]:
    """The same, first one of each kind of fault: a run of a few has them all."""
    first = {each.fault.kind: each for each in reversed(injections)}
    return sorted(injections, key=lambda each: first[each.fault.kind] is not each)


def rounds_of(injections: list[Injection], at_once: int) -> list[list[Injection]]:
    """In the order of ``injections``, at most ``at_once`` in a round: each daemon and neighbour is
    broken once in it, what excuses a failure is not beside what does not, and what breaks
    everything has a round for itself."""
    waiting, made = list(injections), []
    while waiting:
        together: dict[str, Injection] = {}
        for each in waiting:
            if _is_alone(waiting[0]):
                together = {"": each}
                break
            if not _is_alone(each) and each.fault.excuses == waiting[0].fault.excuses:
                together.setdefault(_place(each.fault), each)
        made.append(list(together.values())[:at_once])
        taken = set(map(id, made[-1]))
        waiting = [each for each in waiting if id(each) not in taken]
    return made


def _is_alone(injection: Injection) -> bool:
    return isinstance(injection.fault, (faults.EngineKill, faults.Partition, faults.DiskFull))


def _place(fault) -> str:
    """A conductor that waits for a dead scheduler does not come to the moment of its own death."""
    if isinstance(fault, faults.Message):
        return f"{fault.method} from {fault.daemon}"
    place = fault.service if isinstance(fault, faults.Neighbour) else fault.daemon
    return "conductor" if place == "scheduler" else place
