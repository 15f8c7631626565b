"""Every operation, with everything that can break broken at every moment of it: see tests.chaos."""

from __future__ import annotations

import random

import pytest
import requests

from tests.chaos import discovery, operations, plan, proxy, rounds
from tests.chaos.fleet import Fleet
from tests.chaos.report import Report
from tests.functional.chaos.conftest import HOSTS

SEED = 1
_AT_ONCE = 4  # injections in a round
_BESIDE = 4  # more operations in it
_IDLE = 8  # servers that wait for one
_PARTITION_SECONDS = 6
_OUTAGE_SECONDS = 2
_CALLS = 40  # of all calls, those after which a daemon dies where time is short
_OPERATIONS = [operations.ALL[name] for name in operations.PLAIN]


@pytest.fixture
def rng() -> random.Random:
    return random.Random(SEED)


@pytest.fixture(scope="module")
def fleet(site):
    fleet = Fleet(site, random.Random(SEED), _OPERATIONS)
    yield fleet
    fleet.end()


@pytest.fixture(scope="module")
def walks(site, fleet) -> dict[str, discovery.Walk]:
    return {each.name: discovery.walk(site, fleet, each) for each in _OPERATIONS}


@pytest.fixture
def suffer(site, fleet, rng, chaos_report):
    """Have these injections happen; all that goes wrong is told together."""

    def suffer(injections: list[rounds.Injection], at_once: int = _AT_ONCE) -> None:
        rng.shuffle(injections)
        own = Report()
        for together in plan.rounds_of(injections, at_once):
            fleet.keep(_IDLE)
            own.rows += rounds.play(site, fleet, together, _BESIDE)
        chaos_report.rows += own.rows
        assert not own.bad, "\n".join(map(str, own.bad))

    return suffer


def test_a_daemon_dies_at_every_step(walks, suffer):
    steps = {name: walk.steps for name, walk in walks.items()}
    found = {daemon for places in steps.values() for daemon, _ in places}
    assert found >= {"api", "conductor", "scheduler", HOSTS[0]}
    suffer(plan.deaths(steps, [0], HOSTS))


def test_a_daemon_dies_after_a_call(walks, suffer, rng):
    suffer(rng.sample(_deaths_after_calls(walks), _CALLS))


@pytest.mark.long
def test_a_daemon_dies_after_every_call(walks, suffer):
    suffer(_deaths_after_calls(walks))


def _deaths_after_calls(walks) -> list[rounds.Injection]:
    calls = {name: walk.calls for name, walk in walks.items()}
    assert {"Instance.save", "InstanceAction.finish"} <= {
        name for places in calls.values() for _, name in places
    }
    return plan.deaths(calls, [0], HOSTS)


def test_a_message_is_lost_or_comes_twice(walks, suffer):
    suffer(plan.messages(walks))


def test_a_fault_whose_moment_never_came_does_not_strike_later(site):
    site.neighbours["glance"].break_at(1, proxy.UNAVAILABLE)
    site.disarm()
    image = f"{site.neighbours['glance'].url}/v2/images/{site.other_image}"
    assert requests.get(image).status_code == 200


def test_glance_fails(walks, suffer, rng):
    suffer(plan.neighbours(walks, rng, _OUTAGE_SECONDS), at_once=1)


def test_the_broker_or_the_database_is_killed_or_a_host_cut_off(walks, suffer, rng):
    some = dict(rng.sample(sorted(walks.items()), 2))
    cut_off = {HOSTS[1]: _PARTITION_SECONDS}
    suffer(plan.surroundings(some, rng, ["broker", "database"], cut_off, has_disk=False))
