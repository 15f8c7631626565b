"""The filters that limit the servers of a host, and those with much input and output."""

from __future__ import annotations

import pytest

from nova_mini import exception
from nova_mini.scheduler import request
from nova_mini.scheduler.filters.io_ops_filter import AggregateIoOpsFilter, IoOpsFilter
from nova_mini.scheduler.filters.num_instances_filter import (
    AggregateNumInstancesFilter,
    NumInstancesFilter,
)
from nova_mini.scheduler.host_manager import HostManager
from nova_mini.scheduler.manager import SchedulerManager
from tests.unit.scheduler import cloud

_FILTERS = {
    NumInstancesFilter: "max_instances_per_host",
    AggregateNumInstancesFilter: "max_instances_per_host",
    IoOpsFilter: "max_io_ops_per_host",
    AggregateIoOpsFilter: "max_io_ops_per_host",
}


def make_table(counts, aggregates=()):
    """Hosts with so many servers, all of which are being built."""
    table = cloud.make_table(*({"running_vms": each} for each in counts), aggregates=aggregates)
    table.set_io_ops(dict(zip(table.hosts, counts, strict=True)))
    return table


@pytest.mark.parametrize("filter_class", _FILTERS)
def test_a_host_passes_below_the_limit(override, filter_class):
    override(_FILTERS[filter_class], 3, "filter_scheduler")
    passes = filter_class().host_passes_all(make_table([2, 3, 4]), cloud.make_spec())
    assert passes.tolist() == [True, False, False]


@pytest.mark.parametrize("filter_class", _FILTERS)
def test_aggregates_have_limits_of_their_own(override, filter_class):
    option = _FILTERS[filter_class]
    override(option, 3, "filter_scheduler")
    aggregates = [
        ({option: "2"}, ["h1", "h2"]),
        ({option: "5"}, ["h2", "h3"]),
        ({option: "many"}, ["h4"]),
    ]
    passes = filter_class().host_passes_all(make_table([2, 1, 4, 3], aggregates), cloud.make_spec())
    if filter_class.__name__.startswith("Aggregate"):
        assert passes.tolist() == [False, True, True, False]
    else:
        assert passes.tolist() == [True, True, False, False]


@pytest.mark.parametrize("filter_class", _FILTERS)
def test_servers_of_the_same_request_count(override, filter_class):
    override("enabled_filters", [filter_class.__name__], "filter_scheduler")
    override(_FILTERS[filter_class], 3, "filter_scheduler")
    table = make_table([1, 2, 9])
    group = request.Request(cloud.make_spec(memory_mb=1), ["a", "b", "c", "d"])
    choice = request.Choice(HostManager(), table, group)
    with pytest.raises(exception.NoValidHost):
        choice.take(4, alternates=0, refused=())
    assert table.running_vms.tolist() == table.io_ops.tolist() == [1, 2, 9]
    placed = [table.hosts[host] for host, *_ in choice.take(3, alternates=1, refused=())]
    assert sorted(placed) == ["h1", "h1", "h2"]


def test_a_forced_host_has_no_limit(override):
    override("enabled_filters", ["NumInstancesFilter"], "filter_scheduler")
    override("max_instances_per_host", 1, "filter_scheduler")
    table = make_table([1, 0])
    group = request.Request(cloud.make_spec(memory_mb=1, force_host="h1"), ["a", "b"])
    choice = request.Choice(HostManager(), table, group)
    assert [host for host, *_ in choice.take(2, alternates=0, refused=())] == [0, 0]


def test_the_scheduler_keeps_the_limit(database, override):
    """A request is refused whole; then as many servers fit as the hosts may have."""
    override("enabled_filters", ["ComputeFilter", "NumInstancesFilter"], "filter_scheduler")
    override("max_instances_per_host", 2, "filter_scheduler")
    for host in ("h1", "h2"):
        cloud.add_host(host)
    specs = [cloud.make_spec(memory_mb=64) for _ in range(5)]
    scheduler = SchedulerManager()
    with pytest.raises(exception.NoValidHost):
        cloud.select(scheduler, *specs)
    assert {node["running_vms"] for node in cloud.check_ledger().values()} == {0}
    cloud.select(scheduler, *specs[:4])
    assert {node["running_vms"] for node in cloud.check_ledger().values()} == {2}
