from __future__ import annotations

import datetime

import pytest

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.db import allocations, models, query
from nova_mini.scheduler import manager as scheduler_manager
from nova_mini.scheduler.manager import SchedulerManager
from tests.unit.scheduler import cloud
from tests.unit.scheduler.cloud import select


@pytest.fixture
def hosts(database):
    """Three hosts; h3 has the most memory, then h2."""
    for number in (1, 2, 3):
        cloud.add_host(f"h{number}", memory_mb=4096 * number)


@pytest.fixture
def scheduler(hosts):
    return SchedulerManager()


@pytest.fixture
def never_rereads():
    """Schedulers that believe what they read first, unless they find nothing."""
    CONF.set_override("host_refresh_interval", 3600, group="scheduler")
    yield
    CONF.clear_override("host_refresh_interval", group="scheduler")


def names(selections):
    return [selection.service_host for selection in selections]


def held(spec):
    row = allocations.get(spec.instance_uuid)
    return row and row["host"]


def test_the_best_host_is_claimed_and_the_next_are_alternates(scheduler):
    spec = cloud.make_spec(memory_mb=1024, vcpus=2, local_gb=7)
    [selections] = select(scheduler, spec, alternates=1)
    assert names(selections) == ["h3", "h2"]
    assert (selections[0].nodename, selections[0].availability_zone) == ("h3", "nova")
    assert held(spec) == "h3"
    node = cloud.check_ledger()["h3"]
    assert (node["memory_mb_used"], node["vcpus_used"], node["local_gb_used"]) == (1024, 2, 7)


def test_there_are_no_more_alternates_than_hosts(scheduler):
    [selections] = select(scheduler, cloud.make_spec(), alternates=9)
    assert names(selections) == ["h3", "h2", "h1"]


def test_servers_of_one_request_spread(scheduler):
    specs = [cloud.make_spec(memory_mb=4096, vcpus=1) for _ in range(6)]
    chosen = [names(selections)[0] for selections in select(scheduler, *specs)]
    assert sorted(chosen) == ["h1", "h2", "h2", "h3", "h3", "h3"]
    assert [held(spec) for spec in specs] == chosen
    cloud.check_ledger()


def test_answers_are_in_the_order_of_the_specs(scheduler):
    specs = [cloud.make_spec(requested_host=f"h{n}") for n in (2, 1, 3, 2)]
    assert [names(s)[0] for s in select(scheduler, *specs)] == ["h2", "h1", "h3", "h2"]


def test_more_servers_than_one_transaction_takes(scheduler, monkeypatch):
    monkeypatch.setattr(scheduler_manager, "_BATCH", 4)
    specs = [cloud.make_spec(vcpus=0, memory_mb=8, local_gb=0) for _ in range(11)]
    assert len(select(scheduler, *specs)) == 11
    assert sum(node["running_vms"] for node in cloud.check_ledger().values()) == 11


def test_all_or_none(scheduler):
    specs = [cloud.make_spec(memory_mb=4096) for _ in range(7)]
    with pytest.raises(exception.NoValidHost):
        select(scheduler, *specs)
    assert not query.many(models.allocations)
    assert all(node["memory_mb_used"] == 0 for node in cloud.check_ledger().values())
    # What it had counted as taken is free again for the next.
    assert len(select(scheduler, *specs[:6])) == 6


def test_no_valid_host_says_what_was_left(scheduler):
    query.update(models.services, {"disabled": True}, models.services.c.host == "h3")
    spec = cloud.make_spec(memory_mb=9000)
    with pytest.raises(exception.NoValidHost) as raised:
        select(scheduler, spec)
    assert str(raised.value) == (
        "No valid host was found. There are not enough hosts available: "
        "3 hosts, 2 after ComputeFilter, 0 after room."
    )
    with pytest.raises(exception.NoValidHost, match="for 1 of 4 servers: 3 hosts, 2 after Comp"):
        select(scheduler, *(cloud.make_spec(memory_mb=4096) for _ in range(4)))


def test_a_request_for_no_known_host_fails(scheduler):
    for wish in ("force_host", "force_node", "requested_host"):
        with pytest.raises(exception.NoValidHost):
            select(scheduler, cloud.make_spec(**{wish: "h9"}))


def test_a_forced_host_is_taken_without_the_filters_but_not_without_room(scheduler):
    silent = query.now() - datetime.timedelta(hours=1)
    query.update(models.services, {"last_seen_up": silent}, models.services.c.host == "h1")
    [selections] = select(scheduler, cloud.make_spec(force_host="h1"), alternates=2)
    assert names(selections) == ["h1"]
    with pytest.raises(exception.NoValidHost):
        select(scheduler, cloud.make_spec(requested_host="h1"))
    with pytest.raises(exception.NoValidHost):
        select(scheduler, cloud.make_spec(force_host="h1", memory_mb=4096))


def test_a_host_that_was_disabled_a_moment_ago_is_not_taken(scheduler, never_rereads):
    scheduler.learn_hosts()
    query.update(models.services, {"disabled": True}, models.services.c.host != "h2")
    for _ in range(3):
        [selections] = select(scheduler, cloud.make_spec())
        assert names(selections) == ["h2"]
    with pytest.raises(exception.NoValidHost):
        select(scheduler, cloud.make_spec(force_host="h1"))


def test_ignored_hosts_are_not_used(scheduler):
    [selections] = select(scheduler, cloud.make_spec(ignore_hosts=["h3", "h1"]), alternates=2)
    assert names(selections) == ["h2"]


# -- asked again ---------------------------------------------------------------------------------


def test_the_same_question_gets_the_same_answer(scheduler):
    specs = [cloud.make_spec(memory_mb=4096) for _ in range(6)]
    first = select(scheduler, *specs, alternates=1)
    again = select(SchedulerManager(), *specs, alternates=1)
    assert [names(s)[0] for s in again] == [names(s)[0] for s in first]
    assert len(query.many(models.allocations)) == 6
    cloud.check_ledger()


@pytest.mark.parametrize("why", ["ignored", "down", "another size"])
def test_a_claim_that_does_not_do_any_more_moves(scheduler, why):
    spec = cloud.make_spec()
    select(scheduler, spec)
    assert held(spec) == "h3"
    if why == "ignored":
        spec.ignore_hosts = ["h3"]
    elif why == "down":
        query.update(models.services, {"forced_down": True}, models.services.c.host == "h3")
    else:
        spec.memory_mb = 12 * 1024
    scheduler = SchedulerManager()
    assert names(select(scheduler, spec)[0]) == ["h3" if why == "another size" else "h2"]
    assert held(spec) == ("h3" if why == "another size" else "h2")
    cloud.check_ledger()


def test_a_late_repetition_that_fails_takes_nothing_away(scheduler):
    """One server was deleted meanwhile and has no room now; the other is being built."""
    kept, deleted = (cloud.make_spec(memory_mb=10 * 1024) for _ in range(2))
    select(scheduler, kept)
    with pytest.raises(exception.NoValidHost):
        select(scheduler, kept, deleted)
    assert held(kept) == "h3"
    assert held(deleted) is None
    cloud.check_ledger()


def test_an_attempt_that_loses_the_race_takes_the_answer_of_the_other(scheduler, monkeypatch):
    spec = cloud.make_spec()
    choose = SchedulerManager._choose

    def overtaken(self, *args):
        plan = choose(self, *args)
        if allocations.get(spec.instance_uuid) is None:
            assert allocations.claim(spec.instance_uuid, "h1", spec.resources())
        return plan

    monkeypatch.setattr(SchedulerManager, "_choose", overtaken)
    assert names(select(scheduler, spec)[0]) == ["h1"]
    assert held(spec) == "h1"
    cloud.check_ledger()


# -- other schedulers ----------------------------------------------------------------------------


def test_a_host_that_another_filled_is_passed_over(hosts, never_rereads):
    stale, other = SchedulerManager(), SchedulerManager()
    stale.learn_hosts()
    filler = cloud.make_spec(memory_mb=12 * 1024)
    assert names(select(other, filler)[0]) == ["h3"]
    assert names(select(stale, cloud.make_spec())[0]) == ["h2"]
    cloud.check_ledger()


def test_room_that_came_meanwhile_is_found(hosts, never_rereads):
    stale, other = SchedulerManager(), SchedulerManager()
    filler = cloud.make_spec(memory_mb=12 * 1024)
    select(other, filler)
    stale.learn_hosts()
    big = cloud.make_spec(memory_mb=10 * 1024)
    with pytest.raises(exception.NoValidHost):
        select(stale, big)
    allocations.release(filler.instance_uuid)
    assert names(select(stale, big)[0]) == ["h3"]


def test_a_partly_refused_batch_goes_on_elsewhere(hosts, never_rereads):
    stale, other = SchedulerManager(), SchedulerManager()
    stale.learn_hosts()
    select(other, cloud.make_spec(memory_mb=8 * 1024, requested_host="h3"))
    specs = [cloud.make_spec(memory_mb=4096) for _ in range(4)]
    chosen = [names(s)[0] for s in select(stale, *specs)]
    assert sorted(chosen) == ["h1", "h2", "h2", "h3"]
    assert [held(spec) for spec in specs] == chosen
    cloud.check_ledger()
