"""Every operation, with everything that can break broken at every moment of it: see tests.chaos."""

from __future__ import annotations

import random

import pytest

from tests.chaos import discovery, operations, plan, rounds
from tests.chaos.fleet import Fleet
from tests.chaos.local_site import LocalSite
from tests.chaos.report import Report
from tests.functional.crash.conftest import HOST, OTHER

SEED = 1
_AT_ONCE = 4  # injections in a round
_BESIDE = 4  # more operations in it
_PARTITION_SECONDS = 6
_OUTAGE_SECONDS = 2
_OPERATIONS = [operations.ALL[name] for name in operations.PLAIN]

_walks: dict[str, discovery.Walk] = {}


@pytest.fixture
def site(cloud, project, glance, wires, images) -> LocalSite:
    return LocalSite(cloud, project, glance, wires, images.add(name="other"))


@pytest.fixture
def rng() -> random.Random:
    return random.Random(SEED)


@pytest.fixture
def fleet(site, rng):
    fleet = Fleet(site, rng, _OPERATIONS)
    fleet.keep(2 * _BESIDE)
    yield fleet
    fleet.end()


@pytest.fixture
def walks(site, fleet) -> dict[str, discovery.Walk]:
    if not _walks:
        _walks.update({each.name: discovery.walk(site, fleet, each) for each in _OPERATIONS})
    return _walks


@pytest.fixture
def suffer(site, fleet, rng, crash_report):
    """Have these injections happen; all that goes wrong is told together."""

    def suffer(injections: list[rounds.Injection], at_once: int = _AT_ONCE) -> None:
        rng.shuffle(injections)
        own = Report()
        for together in plan.rounds_of(injections, at_once):
            fleet.keep(2 * _BESIDE)
            rows = rounds.play(site, fleet, together, _BESIDE)
            own.rows += rows
            crash_report.rows += rows
        assert not own.bad, "\n".join(map(str, own.bad))

    return suffer


def test_a_daemon_dies_at_every_moment(walks, suffer):
    assert {daemon for walk in walks.values() for daemon, _ in walk.moments} >= {
        "api", "conductor", "scheduler", HOST,
    }  # fmt: skip
    suffer(plan.deaths(walks, [0], [HOST, OTHER]))


def test_a_message_is_lost_or_comes_twice(walks, suffer):
    suffer(plan.messages(walks))


def test_glance_fails(walks, suffer, rng):
    suffer(plan.neighbours(walks, rng, _OUTAGE_SECONDS), at_once=1)


def test_the_broker_or_the_database_is_killed_or_a_host_cut_off(walks, suffer, rng):
    some = dict(rng.sample(sorted(walks.items()), 3))
    suffer(plan.surroundings(some, rng, ["broker", "database"], {OTHER: _PARTITION_SECONDS}, False))
