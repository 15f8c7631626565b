"""Injects every fault at every step of every operation: see tests.chaos."""

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
_SAME_STEP = 1  # operations in which a daemon dies at a step that they have in common
_CALLS = 40  # of all calls, those after which a daemon dies where time is short
_OPERATIONS = [operations.ALL[name] for name in operations.PLAIN]
_WALKED = [each for each in _OPERATIONS if each.name != "migrate"]  # has the phases of resize


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
    return {each.name: discovery.walk(site, fleet, each) for each in _WALKED}


@pytest.fixture
def run(site, fleet, rng, chaos_report):
    """Run these injections; fails with the list of all violations."""

    def run(injections: list[rounds.Injection], at_once: int = _AT_ONCE) -> None:
        rng.shuffle(injections)
        own = Report()
        for together in plan.rounds_of(injections, at_once):
            fleet.keep(_IDLE)
            own.rows += rounds.play(site, fleet, together, _BESIDE)
        chaos_report.rows += own.rows
        assert not own.bad, "\n".join(map(str, own.bad))

    return run


def test_a_daemon_dies_at_each_kind_of_step(walks, run, rng):
    steps = {name: walk.steps for name, walk in walks.items()}
    found = {daemon for places in steps.values() for daemon, _ in places}
    assert found >= {"api", "conductor", "scheduler", HOSTS[0]}
    run(plan.deaths(plan.thinned(steps, rng, _SAME_STEP), [0], HOSTS))


@pytest.mark.long
def test_a_daemon_dies_at_every_step(walks, run):
    steps = {name: walk.steps for name, walk in walks.items()}
    run(plan.deaths(steps, [0], HOSTS))


def test_a_daemon_dies_after_a_call(walks, run, rng):
    run(rng.sample(_deaths_after_calls(walks), _CALLS))


@pytest.mark.long
def test_a_daemon_dies_after_every_call(walks, run):
    run(_deaths_after_calls(walks))


def _deaths_after_calls(walks) -> list[rounds.Injection]:
    calls = {name: walk.calls for name, walk in walks.items()}
    assert {"Instance.save", "InstanceAction.finish"} <= {
        name for places in calls.values() for _, name in places
    }
    return plan.deaths(calls, [0], HOSTS)


def test_a_message_is_lost_or_sent_twice(walks, run):
    run(plan.messages(walks))


def test_a_missed_fault_is_not_injected_later(site):
    site.external_services["glance"].break_at(1, proxy.UNAVAILABLE)
    site.disarm()
    image = f"{site.external_services['glance'].url}/v2/images/{site.other_image}"
    assert requests.get(image).status_code == 200


def test_glance_fails(walks, run, rng):
    run(plan.external_services(walks, rng, _OUTAGE_SECONDS), at_once=1)


def test_the_broker_or_the_database_is_killed_or_a_host_cut_off(walks, run, rng):
    some = dict(rng.sample(sorted(walks.items()), 2))
    cut_off = {HOSTS[1]: _PARTITION_SECONDS}
    run(plan.surroundings(some, rng, ["broker", "database"], cut_off, has_disk=False))
