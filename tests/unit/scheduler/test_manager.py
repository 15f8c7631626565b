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
from tests.unit.versioned_notifications import versioned  # noqa: F401


@pytest.fixture
def hosts(database):
    """Three hosts; h3 has the most memory, then h2."""
    for number in (1, 2, 3):
        cloud.add_host(f"h{number}", memory_mb=4096 * number)


@pytest.fixture
def scheduler(hosts):
    return SchedulerManager()


@pytest.fixture
def long_refresh_interval():
    """Schedulers do not read the hosts again, unless they find no host."""
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


def test_servers_of_one_request_are_spread_over_hosts(scheduler):
    specs = [cloud.make_spec(memory_mb=4096, vcpus=1) for _ in range(6)]
    chosen = [names(selections)[0] for selections in select(scheduler, *specs)]
    assert sorted(chosen) == ["h1", "h2", "h2", "h3", "h3", "h3"]
    assert [held(spec) for spec in specs] == chosen
    cloud.check_ledger()


def test_selections_are_in_the_order_of_the_specs(scheduler):
    specs = [cloud.make_spec(requested_host=f"h{n}") for n in (2, 1, 3, 2)]
    assert [names(s)[0] for s in select(scheduler, *specs)] == ["h2", "h1", "h3", "h2"]


def test_more_servers_than_one_transaction_can_claim(scheduler, monkeypatch):
    monkeypatch.setattr(scheduler_manager, "_BATCH", 4)
    specs = [cloud.make_spec(vcpus=0, memory_mb=8, local_gb=0) for _ in range(11)]
    assert len(select(scheduler, *specs)) == 11
    assert sum(node["running_vms"] for node in cloud.check_ledger().values()) == 11


def test_nothing_is_claimed_if_one_server_cannot_be_placed(scheduler):
    specs = [cloud.make_spec(memory_mb=4096) for _ in range(7)]
    with pytest.raises(exception.NoValidHost):
        select(scheduler, *specs)
    assert not query.many(models.allocations)
    assert all(node["memory_mb_used"] == 0 for node in cloud.check_ledger().values())
    # The table of the scheduler does not count the failed claims either.
    assert len(select(scheduler, *specs[:6])) == 6


def test_no_valid_host_tells_operators_how_many_hosts_each_filter_left(scheduler):
    query.update(models.services, {"disabled": True}, models.services.c.host == "h3")
    spec = cloud.make_spec(memory_mb=9000)
    with pytest.raises(exception.NoValidHost) as raised:
        select(scheduler, spec)
    assert raised.value.internal == "3 hosts, 2 after ComputeFilter, 0 after room"
    with pytest.raises(exception.NoValidHost) as raised:
        select(scheduler, *(cloud.make_spec(memory_mb=4096) for _ in range(4)))
    assert raised.value.internal.startswith("for 1 of 4 servers: 3 hosts, 2 after Comp")


def test_no_valid_host_tells_users_nothing_about_hosts(scheduler):
    with pytest.raises(exception.NoValidHost) as raised:
        select(scheduler, cloud.make_spec(memory_mb=10**6))
    assert str(raised.value) == ("No valid host was found. There are not enough hosts available.")


@pytest.mark.parametrize("place", [{}, {"force_host": "h1"}])
def test_an_unsupported_extra_spec_is_refused_with_its_name(scheduler, place):
    ordinary = cloud.make_spec(extra_specs={"hw:cpu_policy": "shared"}, **place)
    assert select(scheduler, ordinary)
    locked = cloud.make_spec(extra_specs={"hw:locked_memory": "yes"}, **place)
    with pytest.raises(exception.GuestOptionNotSupported, match="hw:locked_memory=yes"):
        select(scheduler, ordinary, locked)
    assert held(locked) is None


def test_a_request_for_an_unknown_host_fails(scheduler):
    for field in ("force_host", "force_node", "requested_host"):
        with pytest.raises(exception.NoValidHost):
            select(scheduler, cloud.make_spec(**{field: "h9"}))


def test_a_forced_host_is_not_filtered_but_must_have_free_resources(scheduler):
    an_hour_ago = query.now() - datetime.timedelta(hours=1)
    query.update(models.services, {"last_seen_up": an_hour_ago}, models.services.c.host == "h1")
    [selections] = select(scheduler, cloud.make_spec(force_host="h1"), alternates=2)
    assert names(selections) == ["h1"]
    with pytest.raises(exception.NoValidHost):
        select(scheduler, cloud.make_spec(requested_host="h1"))
    with pytest.raises(exception.NoValidHost):
        select(scheduler, cloud.make_spec(force_host="h1", memory_mb=4096))


def test_a_host_that_was_just_disabled_is_not_claimed(scheduler, long_refresh_interval):
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


# -- repeated requests ---------------------------------------------------------------------------


def test_a_repeated_request_selects_the_same_hosts(scheduler):
    specs = [cloud.make_spec(memory_mb=4096) for _ in range(6)]
    first = select(scheduler, *specs, alternates=1)
    again = select(SchedulerManager(), *specs, alternates=1)
    assert [names(s)[0] for s in again] == [names(s)[0] for s in first]
    assert len(query.many(models.allocations)) == 6
    cloud.check_ledger()


@pytest.mark.parametrize("why", ["ignored", "down", "another size"])
def test_an_allocation_on_an_unsuitable_host_is_replaced(scheduler, why):
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


def test_a_repeated_request_that_fails_keeps_existing_allocations(scheduler):
    """One server was deleted and does not fit now; the other is being built."""
    kept, deleted = (cloud.make_spec(memory_mb=10 * 1024) for _ in range(2))
    select(scheduler, kept)
    with pytest.raises(exception.NoValidHost):
        select(scheduler, kept, deleted)
    assert held(kept) == "h3"
    assert held(deleted) is None
    cloud.check_ledger()


def test_a_concurrent_request_that_is_slower_uses_the_allocation_of_the_faster(
    scheduler, monkeypatch
):
    spec = cloud.make_spec()
    choose = SchedulerManager._choose

    def choose_slowly(self, *args):
        plan = choose(self, *args)
        if allocations.get(spec.instance_uuid) is None:
            assert allocations.claim(spec.instance_uuid, "h1", spec.resources())
        return plan

    monkeypatch.setattr(SchedulerManager, "_choose", choose_slowly)
    assert names(select(scheduler, spec)[0]) == ["h1"]
    assert held(spec) == "h1"
    cloud.check_ledger()


# -- several schedulers --------------------------------------------------------------------------


def test_a_host_that_another_scheduler_has_filled_is_not_used(hosts, long_refresh_interval):
    stale, other = SchedulerManager(), SchedulerManager()
    stale.learn_hosts()
    filler = cloud.make_spec(memory_mb=12 * 1024)
    assert names(select(other, filler)[0]) == ["h3"]
    assert names(select(stale, cloud.make_spec())[0]) == ["h2"]
    cloud.check_ledger()


def test_resources_that_were_released_since_the_last_read_are_found(hosts, long_refresh_interval):
    stale, other = SchedulerManager(), SchedulerManager()
    filler = cloud.make_spec(memory_mb=12 * 1024)
    select(other, filler)
    stale.learn_hosts()
    big = cloud.make_spec(memory_mb=10 * 1024)
    with pytest.raises(exception.NoValidHost):
        select(stale, big)
    allocations.release(filler.instance_uuid)
    assert names(select(stale, big)[0]) == ["h3"]


def test_refused_claims_of_a_batch_are_made_on_other_hosts(hosts, long_refresh_interval):
    stale, other = SchedulerManager(), SchedulerManager()
    stale.learn_hosts()
    select(other, cloud.make_spec(memory_mb=8 * 1024, requested_host="h3"))
    specs = [cloud.make_spec(memory_mb=4096) for _ in range(4)]
    chosen = [names(s)[0] for s in select(stale, *specs)]
    assert sorted(chosen) == ["h1", "h2", "h2", "h3"]
    assert [held(spec) for spec in specs] == chosen
    cloud.check_ledger()


def test_decisions_are_reported(scheduler, versioned):  # noqa: F811
    small = [cloud.make_spec(memory_mb=512) for _ in range(3)]
    select(scheduler, *small, cloud.make_spec(memory_mb=1024))
    with pytest.raises(exception.NoValidHost):
        select(scheduler, cloud.make_spec(memory_mb=10**6))
    phases = [(each.event.rpartition(".")[2], each.data["num_instances"]) for each in versioned]
    assert phases == [("start", 3), ("end", 3), ("start", 1), ("end", 1), ("start", 1)]
    assert versioned[0].data["instance_uuid"] == small[0].instance_uuid
