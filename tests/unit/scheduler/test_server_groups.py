"""Servers in server groups are placed as the policies of their groups say."""

from __future__ import annotations

import collections

import pytest

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.db import allocations, instance_groups, models, query
from nova_mini.scheduler import manager as scheduler_manager
from nova_mini.scheduler.manager import SchedulerManager
from tests.unit.db import records
from tests.unit.scheduler import cloud
from tests.unit.scheduler.cloud import select


@pytest.fixture
def scheduler(database) -> SchedulerManager:
    """Of four hosts; h4 has the most memory, then h3."""
    for number in (1, 2, 3, 4):
        cloud.add_host(f"h{number}", memory_mb=4096 * number)
    return SchedulerManager()


@pytest.fixture
def options():
    """``options(name=value)`` sets options of [filter_scheduler]."""
    names = []

    def override(**values):
        for name, value in values.items():
            names.append(name)
            CONF.set_override(name, value, group="filter_scheduler")

    yield override
    for name in names:
        CONF.clear_override(name, group="filter_scheduler")


def place(scheduler, *specs) -> list[str]:
    return [selections[0].service_host for selections in select(scheduler, *specs)]


def held(spec) -> str | None:
    row = allocations.get(spec.instance_uuid)
    return row and row["host"]


# -- anti-affinity -------------------------------------------------------------------------------


def test_servers_of_one_request_are_on_different_hosts(scheduler):
    specs = cloud.make_members(cloud.add_group("anti-affinity"), 4)
    assert sorted(place(scheduler, *specs)) == ["h1", "h2", "h3", "h4"]
    cloud.check_ledger()


def test_a_later_server_gets_another_host(scheduler):
    group = cloud.add_group("anti-affinity")
    chosen = [place(scheduler, *cloud.make_members(group, 1))[0] for _ in range(4)]
    assert chosen == ["h4", "h3", "h2", "h1"]
    [last] = cloud.make_members(group, 1)
    with pytest.raises(exception.NoValidHost) as raised:
        select(scheduler, last)
    assert "0 after ServerGroupAntiAffinityFilter" in raised.value.internal


def test_more_servers_than_hosts_are_refused_and_release_their_claims(scheduler):
    group = cloud.add_group("anti-affinity")
    specs = cloud.make_members(group, 5)
    with pytest.raises(exception.NoValidHost) as raised:
        select(scheduler, *specs)
    assert raised.value.internal.startswith("for 1 of 5 servers: ")
    assert "0 after ServerGroupAntiAffinityFilter" in raised.value.internal
    assert not query.many(models.allocations)
    assert len(place(scheduler, *specs[:4])) == 4


def test_max_server_per_host(scheduler):
    group = cloud.add_group("anti-affinity", max_server_per_host=2)
    specs = cloud.make_members(group, 8)
    counts = collections.Counter(place(scheduler, *specs[:5]) + place(scheduler, *specs[5:]))
    assert counts == {"h1": 2, "h2": 2, "h3": 2, "h4": 2}
    with pytest.raises(exception.NoValidHost):
        select(scheduler, *cloud.make_members(group, 1))


def test_a_server_that_is_gone_makes_room(scheduler):
    group = cloud.add_group("anti-affinity")
    specs = cloud.make_members(group, 4)
    place(scheduler, *specs)
    allocations.release(specs[1].instance_uuid)
    hosts = {held(spec) for spec in specs}
    [freed] = {"h1", "h2", "h3", "h4"} - hosts
    assert place(scheduler, *cloud.make_members(group, 1)) == [freed]


def test_other_groups_and_servers_do_not_count(scheduler):
    place(scheduler, *cloud.make_members(cloud.add_group("anti-affinity"), 4))
    assert place(scheduler, cloud.make_spec()) == ["h4"]
    specs = cloud.make_members(cloud.add_group("anti-affinity"), 4)
    assert len(set(place(scheduler, *specs))) == 4


def test_alternates_are_hosts_without_members(scheduler):
    group = cloud.add_group("anti-affinity")
    place(scheduler, *cloud.make_members(group, 2))  # on h4 and h3
    [selections] = select(scheduler, *cloud.make_members(group, 1), alternates=3)
    assert [selection.service_host for selection in selections] == ["h2", "h1"]


def test_a_repeated_request_selects_the_same_hosts(scheduler):
    specs = cloud.make_members(cloud.add_group("anti-affinity"), 4)
    first = place(scheduler, *specs)
    assert place(SchedulerManager(), *specs) == first
    assert place(SchedulerManager(), *reversed(specs)) == first[::-1]


def test_a_forced_host_is_no_exception(scheduler):
    """No filter looks at a forced host: the claim refuses it."""
    group = cloud.add_group("anti-affinity")
    assert place(scheduler, *cloud.make_members(group, 1, force_host="h2")) == ["h2"]
    [second] = cloud.make_members(group, 1, force_host="h2")
    with pytest.raises(exception.NoValidHost):
        select(scheduler, second)
    assert held(second) is None


def test_a_group_that_fills_up_meanwhile(scheduler, monkeypatch):
    """Another scheduler places members after this one has chosen: its claims are not broken."""
    group = cloud.add_group("anti-affinity")
    specs, others = cloud.make_members(group, 2), cloud.make_members(group, 2)
    other, choose = SchedulerManager(), SchedulerManager._choose
    done = []

    def choose_slowly(self, *args):
        plan = choose(self, *args)
        if self is scheduler and not done:
            done.extend(place(other, *others))
        return plan

    monkeypatch.setattr(SchedulerManager, "_choose", choose_slowly)
    chosen = place(scheduler, *specs)
    assert sorted(chosen + done) == ["h1", "h2", "h3", "h4"]
    cloud.check_ledger()


def test_more_members_than_one_transaction_claims(database, monkeypatch):
    monkeypatch.setattr(scheduler_manager, "_BATCH", 4)
    for number in range(11):
        cloud.add_host(f"h{number}")
    specs = cloud.make_members(cloud.add_group("anti-affinity"), 11)
    assert len(set(place(SchedulerManager(), *specs))) == 11


# -- affinity ------------------------------------------------------------------------------------


def test_all_servers_are_on_one_host(scheduler):
    group = cloud.add_group("affinity")
    specs = cloud.make_members(group, 3, vcpus=1)
    assert place(scheduler, *specs[:2]) == ["h4", "h4"]
    assert place(scheduler, specs[2]) == ["h4"]
    assert place(scheduler, *cloud.make_members(group, 1, requested_host="h4")) == ["h4"]
    with pytest.raises(exception.NoValidHost):
        select(scheduler, *cloud.make_members(group, 1, requested_host="h1"))
    with pytest.raises(exception.NoValidHost):
        select(scheduler, *cloud.make_members(group, 1, force_host="h1"))


def test_affinity_does_not_use_a_second_host_when_the_first_is_full(scheduler):
    group = cloud.add_group("affinity")
    fitting = cloud.make_members(group, 4, memory_mb=4096)
    with pytest.raises(exception.NoValidHost):
        select(scheduler, *fitting, *cloud.make_members(group, 1, memory_mb=4096))
    assert set(place(scheduler, *fitting)) == {"h4"}


def test_two_schedulers_choose_different_hosts_for_an_empty_group(scheduler, monkeypatch):
    group = cloud.add_group("affinity")
    specs, [first] = cloud.make_members(group, 2), cloud.make_members(group, 1, requested_host="h1")
    choose = SchedulerManager._choose

    def choose_slowly(self, *args):
        plan = choose(self, *args)
        if held(first) is None and self is scheduler:
            place(SchedulerManager(), first)
        return plan

    monkeypatch.setattr(SchedulerManager, "_choose", choose_slowly)
    assert place(scheduler, *specs) == ["h1", "h1"]


def test_a_deleted_group_has_no_effect(scheduler):
    group = cloud.add_group("anti-affinity")
    specs = cloud.make_members(group, 2, requested_host="h1")
    instance_groups.destroy(group)
    assert place(scheduler, *specs) == ["h1", "h1"]


# -- moves ---------------------------------------------------------------------------------------


def move(scheduler, spec) -> str:
    """Choose a destination, as a cold migration does."""
    migration = records.add_migration(spec.instance_uuid)
    allocations.lend(spec.instance_uuid, migration["uuid"])
    spec.ignore_hosts = [migration["source_compute"]]
    return place(scheduler, spec)[0]


def test_a_member_of_anti_affinity_moves_to_a_host_without_members(scheduler):
    group = cloud.add_group("anti-affinity")
    first, *others = cloud.make_members(group, 3, requested_host=None)
    first.requested_host = "h1"
    place(scheduler, first, *others)
    first.requested_host = None
    used = {held(spec) for spec in others}
    assert move(scheduler, first) in {"h2", "h3", "h4"} - used


def test_the_only_member_of_affinity_moves_and_others_do_not(scheduler):
    group = cloud.add_group("affinity")
    first, second = cloud.make_members(group, 2, requested_host="h1")
    place(scheduler, first)
    first.requested_host = None
    assert move(scheduler, first) == "h4"
    with pytest.raises(exception.NoValidHost):
        place(scheduler, second)


# -- soft policies -------------------------------------------------------------------------------


def test_soft_anti_affinity_spreads_and_then_doubles(scheduler, options):
    options(soft_anti_affinity_weight_multiplier=100.0)
    specs = cloud.make_members(cloud.add_group("soft-anti-affinity"), 8)
    counts = collections.Counter(place(scheduler, *specs[:4]))
    assert set(counts.values()) == {1}
    counts.update(place(scheduler, *specs[4:]))
    assert counts == {"h1": 2, "h2": 2, "h3": 2, "h4": 2}


def test_soft_affinity_gathers_and_then_overflows(scheduler, options):
    options(soft_affinity_weight_multiplier=100.0)
    specs = cloud.make_members(cloud.add_group("soft-affinity"), 7, memory_mb=4096)
    assert place(scheduler, *specs) == ["h4"] * 4 + ["h3"] * 3


def test_without_a_multiplier_a_soft_policy_has_no_effect(scheduler, options):
    options(soft_anti_affinity_weight_multiplier=0.0, io_ops_weight_multiplier=0.0)
    specs = cloud.make_members(cloud.add_group("soft-anti-affinity"), 2, memory_mb=8, vcpus=0)
    assert place(scheduler, *specs) == ["h4", "h4"]


def test_an_aggregate_has_a_multiplier_of_its_own(scheduler, options):
    """Members avoid each other everywhere, but not in the aggregate of h4."""
    options(soft_anti_affinity_weight_multiplier=100.0, io_ops_weight_multiplier=0.0)
    cloud.add_aggregate("dense", ["h4"], soft_anti_affinity_weight_multiplier="0")
    specs = cloud.make_members(cloud.add_group("soft-anti-affinity"), 2, memory_mb=8, vcpus=0)
    place(scheduler, specs[0])
    assert held(specs[0]) == "h4"
    aside = cloud.make_members(query.many(models.instance_groups)[0]["uuid"], 1, memory_mb=8)
    assert place(SchedulerManager(), *aside) == ["h3"]


# -- configuration -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "option", "class_"),
    [
        ("affinity", "enabled_filters", "ServerGroupAffinityFilter"),
        ("anti-affinity", "enabled_filters", "ServerGroupAntiAffinityFilter"),
        ("soft-affinity", "weight_classes", "ServerGroupSoftAffinityWeigher"),
        ("soft-anti-affinity", "weight_classes", "ServerGroupSoftAntiAffinityWeigher"),
    ],
)
def test_a_policy_on_which_nothing_acts_is_refused(scheduler, options, policy, option, class_):
    enabled = CONF.filter_scheduler[option]
    assert class_ in enabled
    options(**{option: [name for name in enabled if name != class_]})
    specs = cloud.make_members(cloud.add_group(policy), 1)
    with pytest.raises(exception.UnsupportedServerGroupPolicy, match=policy):
        select(SchedulerManager(), *specs)
    assert held(specs[0]) is None
    assert place(scheduler, *specs) == ["h4"]
