from __future__ import annotations

import numpy as np
import pytest

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.scheduler import loadables, weights
from nova_mini.scheduler.host_manager import HostManager
from tests.unit.scheduler import cloud


@pytest.fixture
def options():
    """``options(name, value)`` in [filter_scheduler], for one test."""
    CONF([], project="nova-mini", default_config_files=[])
    names = []

    def override(name, value):
        CONF.set_override(name, value, group="filter_scheduler")
        names.append(name)

    yield override
    for name in names:
        CONF.clear_override(name, group="filter_scheduler")


def best(table, count=1, **wishes):
    candidates = np.arange(len(table))
    found = HostManager().get_weighed_hosts(table, candidates, cloud.make_spec(**wishes), count)
    return [table.hosts[i] for i in found]


def test_more_of_everything_free_is_better(options):
    table = cloud.make_table({"memory_mb": 4096}, {}, {"vcpus": 16}, {"vcpus": 16, "local_gb": 400})
    assert best(table, count=4) == ["h4", "h3", "h2", "h1"]


def test_equal_hosts_keep_their_order(options):
    assert best(cloud.make_table({}, {}, {}), count=2) == ["h1", "h2"]


def test_only_candidates_are_weighed(options):
    table = cloud.make_table({"memory_mb": 65536}, {"memory_mb": 4096}, {})
    found = HostManager().get_weighed_hosts(table, np.array([1, 2]), cloud.make_spec(), 3)
    assert [table.hosts[i] for i in found] == ["h3", "h2"]


def test_a_negative_multiplier_stacks(options):
    options("weight_classes", ["RAMWeigher"])
    options("ram_weight_multiplier", -1.0)
    assert best(cloud.make_table({}, {"memory_mb_used": 4096}, {})) == ["h2"]


def test_a_failed_build_outweighs_all_room(options):
    roomy_but_failing = {"memory_mb": 65536, "vcpus": 64, "failed_builds": 1}
    assert best(cloud.make_table(roomy_but_failing, {})) == ["h2"]


def test_weights_are_normalized_before_they_are_multiplied(options):
    options("cpu_weight_multiplier", 0.9)
    options("disk_weight_multiplier", 0.0)
    more_memory, more_vcpus = {"memory_mb": 8193}, {"vcpus": 4000}
    assert best(cloud.make_table(more_memory, more_vcpus)) == ["h1"]


def test_the_first_is_drawn_from_the_subset(options):
    options("host_subset_size", 3)
    table = cloud.make_table({"memory_mb": 1024}, {}, {}, {})
    drawn = {tuple(best(table, count=2)) for _ in range(200)}
    assert {first for first, _ in drawn} == {"h2", "h3", "h4"}
    assert all(first != second for first, second in drawn)


def test_equal_hosts_are_shuffled_if_wanted(options):
    options("shuffle_best_same_weighed_hosts", True)
    table = cloud.make_table({"memory_mb": 1024}, {}, {})
    assert {best(table)[0] for _ in range(100)} == {"h2", "h3"}


def test_an_unknown_weigher_is_named(options):
    options("weight_classes", ["RAMWeigher", "LuckWeigher"])
    with pytest.raises(exception.ConfigurationError, match=r"weight_classes.*LuckWeigher.*CPUWeig"):
        HostManager()


def test_names_that_are_no_weighers_are_unknown():
    with pytest.raises(exception.ConfigurationError, match="'CONF'"):
        loadables.load(weights, weights.BaseHostWeigher, ["CONF"], "option")
