"""The scheduler's state of the hosts follows the database."""

from __future__ import annotations

import datetime
import time

import pytest

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.db import allocations, compute_nodes, models, query
from nova_mini.objects import host_state
from nova_mini.scheduler import host_manager
from nova_mini.scheduler.host_manager import HostManager
from tests.unit.db import records
from tests.unit.scheduler import cloud

REQUESTED = {"vcpus": 2, "memory_mb": 1024, "local_gb": 10}


@pytest.fixture
def manager(database):
    for host in ("h1", "h2"):
        cloud.add_host(host)
    made = HostManager()
    made.get_all_host_states()
    return made


def reread(manager):
    return manager.get_all_host_states(not_before=time.monotonic())


def test_hosts_are_read_once_in_an_interval(manager):
    cloud.add_host("h3")
    CONF.set_override("host_refresh_interval", 60, group="scheduler")
    try:
        assert manager.get_all_host_states().hosts == ["h1", "h2"]
    finally:
        CONF.clear_override("host_refresh_interval", group="scheduler")
    assert reread(manager).hosts == ["h1", "h2", "h3"]


def test_claims_and_releases_of_other_schedulers_are_read(manager):
    before = reread(manager)
    assert allocations.claim("c1", "h2", REQUESTED)
    after = reread(manager)
    assert after is before, "only the change was read"
    assert after.used["memory_mb"].tolist() == [0, 1024]
    assert after.running_vms.tolist() == [0, 1]
    allocations.release("c1")
    assert reread(manager).used["vcpus"].tolist() == [0, 0]


def test_a_new_report_of_a_host_is_read(manager):
    compute_nodes.report(
        "h1", {"memory_mb": 16384, "reserved_memory_mb": 384, "hypervisor_type": "x"}
    )
    table = reread(manager)
    assert table.free("memory_mb").tolist() == [16000, 8192]
    assert table.where_facts(lambda facts: facts.hypervisor_type == "x").tolist() == [True, False]


def test_failed_builds_are_counted_until_a_build_succeeds(manager):
    compute_nodes.count_build("h1", failed=True)
    assert reread(manager).failed_builds.tolist() == [1, 0]
    compute_nodes.count_build("h1", failed=False)
    assert reread(manager).failed_builds.tolist() == [0, 0]


@pytest.mark.parametrize(
    "change",
    [
        {"disabled": True},
        {"forced_down": True},
        {"available": False},
        {"last_seen_up": query.now() - datetime.timedelta(hours=1)},
        {"last_seen_up": None},
    ],
    ids=["disabled", "forced down", "not available", "not seen for an hour", "never seen"],
)
def test_a_host_whose_service_is_not_usable_is_unavailable(manager, change):
    assert reread(manager).available.tolist() == [True, True]
    query.update(models.services, change, models.services.c.host == "h2")
    assert reread(manager).available.tolist() == [True, False]


def test_a_host_without_a_compute_service_is_unavailable(manager):
    query.update(models.services, {"topic": "other"}, models.services.c.host == "h1")
    assert reread(manager).available.tolist() == [False, True]


def test_zones_follow_the_aggregates(manager):
    def zones():
        table = reread(manager)
        return [table.zone_name(i) for i in range(len(table))]

    assert zones() == ["nova", "nova"]
    cloud.add_aggregate("without a zone", ["h1"], ssd="true")
    assert zones() == ["nova", "nova"]
    cloud.add_aggregate("with one", ["h2"], availability_zone="east")
    assert zones() == ["nova", "east"]
    query.delete(models.aggregates, models.aggregates.c.name == "with one")
    assert zones() == ["nova", "nova"]


def test_the_metadata_of_aggregates_is_read(manager):
    def values():
        sets, number_of = reread(manager).aggregates.column("ssd")
        return [set(sets[number]) for number in number_of]

    assert values() == [set(), set()]
    cloud.add_aggregate("fast", ["h2"], ssd="true")
    assert values() == [set(), {"true"}]
    query.update(
        models.aggregates, {"metadata": {"ssd": "false"}}, models.aggregates.c.name == "fast"
    )
    assert values() == [set(), {"false"}]


def test_servers_with_much_input_and_output_are_counted(manager):
    def add(host, finish_time=None, action_host=None, **state):
        uuid = records.add_server(host=host, **state)
        records.add_action(uuid, finish_time=finish_time, host=action_host)
        return uuid

    add("h1", vm_state="building", task_state="spawning")
    add(None, action_host="h1", vm_state="building", task_state="scheduling")
    twice = add("h1", task_state="image_uploading")
    records.add_action(twice)
    add("h2", task_state="powering-off")
    add("h2", finish_time=records.LONG_AGO, task_state="rebuilding")
    add(None, vm_state="building", task_state="scheduling")
    assert reread(manager).io_ops.tolist() == [3, 0]
    query.update(models.instance_actions, {"finish_time": query.now()})
    assert reread(manager).io_ops.tolist() == [0, 0]


def test_deleted_hosts_are_removed_by_the_next_full_refresh(manager, monkeypatch):
    query.delete(models.compute_nodes, models.compute_nodes.c.host == "h1")
    monkeypatch.setattr(host_manager, "_FULL_REFRESH_INTERVAL", 0)
    assert reread(manager).hosts == ["h2"]


def test_all_hosts_are_read_again_when_reread_fails(manager, monkeypatch):
    before = reread(manager)
    before.take(0, REQUESTED)

    def fail(names):
        raise exception.DatabaseUnavailable()

    monkeypatch.setattr(host_state, "read_ledger", fail)
    with pytest.raises(exception.DatabaseUnavailable):
        manager.reread({"h1"})
    assert manager.get_all_host_states().used["vcpus"].tolist() == [0, 0]


def test_an_empty_cloud_has_no_hosts(database):
    table = HostManager().get_all_host_states()
    assert len(table) == 0
    assert table.having_room(REQUESTED).tolist() == []


def test_the_error_names_an_unknown_filter(database):
    CONF.set_override("enabled_filters", ["MagicFilter"], group="filter_scheduler")
    try:
        with pytest.raises(exception.ConfigurationError, match=r"MagicFilter.*ComputeFilter"):
            HostManager()
    finally:
        CONF.clear_override("enabled_filters", group="filter_scheduler")
