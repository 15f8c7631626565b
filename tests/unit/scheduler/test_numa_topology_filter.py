"""NUMATopologyFilter, and what the scheduler places before the hosts report it."""

from __future__ import annotations

import numpy as np
import pytest

from nova_mini import exception
from nova_mini.numa.host import HostCell, HostTopology
from nova_mini.scheduler import request
from nova_mini.scheduler.filters.numa_topology_filter import NUMATopologyFilter
from nova_mini.scheduler.host_manager import HostManager
from tests.unit.scheduler import cloud

PINNED = {"hw:cpu_policy": "dedicated"}


def numa(dedicated: str | None, cells: int = 1) -> str:
    made = tuple(
        HostCell(number, 4096, frozenset(range(number * 4, number * 4 + 4)))
        for number in range(cells)
    )
    return HostTopology(made).with_cpu_sets(None, dedicated).to_json()


@pytest.fixture
def hosts():
    return cloud.make_table(
        {"numa_topology": numa("0-3")},
        {"numa_topology": numa("0-1")},
        {"numa_topology": numa(None, cells=2), "cpu_allocation_ratio": 4.0},
        {},
    )


@pytest.mark.parametrize(
    ("specs", "vcpus", "passing"),
    [
        (PINNED, 1, [True, True, False, False]),
        (PINNED, 3, [True, False, False, False]),
        ({"hw:numa_nodes": "2"}, 2, [False, False, True, False]),
        ({"hw:mem_page_size": "large"}, 1, [False] * 4),
    ],
)
def test_hosts_with_a_place(hosts, specs, vcpus, passing):
    spec = cloud.make_spec(vcpus=vcpus, extra_specs=specs)
    acting = NUMATopologyFilter()
    assert acting.applies_to(spec)
    assert acting.host_passes_all(hosts, spec).tolist() == passing


def test_it_is_skipped_for_other_servers():
    assert not NUMATopologyFilter().applies_to(cloud.make_spec())


def choose(hosts, count: int, alternates: int = 0, vcpus: int = 2):
    specs = [cloud.make_spec(vcpus=vcpus, extra_specs=PINNED) for _ in range(count)]
    (group,) = request.group(specs)
    group.check_options()
    choice = request.Choice(HostManager(), hosts, group)
    return choice.take(count, alternates, refused=())


def test_servers_of_one_request_do_not_share_cpus(hosts):
    chosen = [hosts.hosts[host] for host, *_ in choose(hosts, 3)]
    assert sorted(chosen) == ["h1", "h1", "h2"]
    with pytest.raises(exception.NoValidHost):
        choose(hosts, 1)


def test_a_request_without_enough_hosts_counts_nothing(hosts):
    with pytest.raises(exception.NoValidHost):
        choose(hosts, 4)
    assert len(choose(hosts, 3)) == 3


def test_pinned_servers_use_no_shared_vcpus(hosts):
    choose(hosts, 3)
    assert np.array_equal(hosts.used["vcpus"], [0, 0, 0, 0])


def test_a_refused_claim_is_not_counted(hosts):
    choose(hosts, 3)
    hosts.forget_placed(["h2"])
    assert [hosts.hosts[host] for host, *_ in choose(hosts, 1)] == ["h2"]
