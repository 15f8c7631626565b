"""The plan of a run: faults at every point of every operation, in an order that a seed repeats."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Mapping, Sequence

from tests.chaos import faults, proxy
from tests.chaos.discovery import Walk
from tests.chaos.operations import ALL
from tests.chaos.rounds import Injection

PAUSES = (0, 10)  # seconds until a killed daemon is started again
PARTITION_SECONDS = 30
OUTAGE_SECONDS = 8  # of an external service
NODE_SECONDS = 20  # of a node that is off, frozen or cut off


def deaths(
    points: Mapping[str, Sequence[tuple[str, str]]], pauses: Iterable[float], hosts: Sequence[str]
) -> list[Injection]:
    """Each daemon is killed at each point of each operation; the computes of ``hosts`` in turn.

    ``points``: operation -> steps or calls of its :class:`Walk`, in which the server was on the
    first of the hosts.
    """
    turns = itertools.cycle(hosts)
    made = []
    for name, places in points.items():
        for daemon, point in places:
            victim = next(turns) if daemon in hosts else daemon
            # Of an operation that moves the server, some points are on the other host.
            elsewhere = ALL[name].moves and daemon in hosts[1:]
            host = next(each for each in hosts if each != victim) if elsewhere else victim
            # The parent process of the API replaces a killed worker at once.
            for pause in pauses if victim != "api" else [0]:
                made.append(_injection(name, faults.Death(victim, point, pause), host))
    return made


def thinned(
    points: Mapping[str, Sequence[tuple[str, str]]], rng: random.Random, most: int
) -> dict[str, list[tuple[str, str]]]:
    """``points`` of :func:`deaths`, with each place in at most ``most`` operations. Many operations
    have the same steps, for example the sending of a message."""
    operations: dict[tuple[str, str], list[str]] = {}
    for name, places in points.items():
        for place in dict.fromkeys(places):
            operations.setdefault(place, []).append(name)
    kept = {
        place: set(rng.sample(names, min(most, len(names)))) for place, names in operations.items()
    }
    return {
        name: [each for each in places if name in kept[each]] for name, places in points.items()
    }


def messages(walks: Mapping[str, Walk]) -> list[Injection]:
    """Each message of each operation is lost, or sent twice."""
    return [
        _injection(name, faults.Message(daemon, method, copies))
        for name, walk in walks.items()
        for daemon, method in walk.messages
        for copies in (0, 2)
    ]


def external_services(
    walks: Mapping[str, Walk], rng: random.Random, seconds: float, modes=proxy.MODES
) -> list[Injection]:
    """Each external service fails in each mode in each operation that uses it, at a random
    request."""
    return [
        _injection(name, faults.ServiceFault(service, mode, rng.randint(1, number), seconds))
        for name, walk in walks.items()
        for service, number in walk.requests.items()
        if number
        for mode in modes
    ]


def surroundings(
    walks: Mapping[str, Walk],
    rng: random.Random,
    engines: Iterable[str],
    partitions: Mapping[str, float],
    has_disk: bool,
) -> list[Injection]:
    """The engines are killed, and hosts lose the broker for ``partitions[host]`` seconds."""
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


def nodes(
    walks: Mapping[str, Walk], rng: random.Random, hosts: Sequence[str], victims: Iterable[str]
) -> list[Injection]:
    """Each of the nodes ``victims`` fails in each way during each operation, while the server is on
    each of ``hosts``: the victim is once the source of a move and once its destination."""
    return [
        _injection(
            name, faults.NodeFault(verb, victim, round(rng.uniform(0, 3), 3), NODE_SECONDS), host
        )
        for name in walks
        if not ALL[name].takes_host
        for verb in faults.NODE_FAULTS
        for victim in victims
        for host in hosts
    ]


def _injection(name: str, fault, daemon: str | None = None) -> Injection:
    host = None if daemon in (None, "api", "conductor", "scheduler") else daemon
    return Injection(ALL[name], fault, host)


def of_all_kinds(injections: list[Injection]) -> list[Injection]:
    """Sort the injections so that one of each kind of fault comes first."""
    first = {each.fault.kind: each for each in reversed(injections)}
    return sorted(injections, key=lambda each: first[each.fault.kind] is not each)


def rounds_of(injections: list[Injection], at_once: int) -> list[list[Injection]]:
    """Group the injections into rounds of at most ``at_once``, in their order.

    In a round each daemon and each service has at most one fault. Faults that allow failures are
    not mixed with others. Faults that affect everything have a round of their own.
    """
    waiting, made = list(injections), []
    while waiting:
        together: dict[str, Injection] = {}
        for each in waiting:
            if _is_alone(waiting[0]):
                together = {"": each}
                break
            if not _is_alone(each) and each.fault.allows_failure == waiting[0].fault.allows_failure:
                together.setdefault(_place(each.fault), each)
        made.append(list(together.values())[:at_once])
        taken = set(map(id, made[-1]))
        waiting = [each for each in waiting if id(each) not in taken]
    return made


def _is_alone(injection: Injection) -> bool:
    fault = injection.fault
    return injection.needs_quiet or isinstance(fault, (faults.EngineKill, faults.Partition))


def _place(fault) -> str:
    """The part that a fault affects. Scheduler and conductor count as one: a conductor that waits
    for a killed scheduler does not reach its own point."""
    if isinstance(fault, faults.Message):
        return f"{fault.method} from {fault.daemon}"
    place = fault.service if isinstance(fault, faults.ServiceFault) else fault.daemon
    return "conductor" if place == "scheduler" else place
