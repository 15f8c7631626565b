from __future__ import annotations

import numpy as np
import pytest

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.scheduler import loadables, weights
from nova_mini.scheduler.host_manager import HostManager
from nova_mini.scheduler.weights.cpu import CPUWeigher
from nova_mini.scheduler.weights.ram import RAMWeigher
from tests.unit.scheduler import cloud


@pytest.fixture
def options():
    """``options(name, value)`` sets an option of [filter_scheduler] for one test."""
    CONF([], project="nova-mini", default_config_files=[])
    names = []

    def override(name, value):
        CONF.set_override(name, value, group="filter_scheduler")
        names.append(name)

    yield override
    for name in names:
        CONF.clear_override(name, group="filter_scheduler")


def best(table, count=1, **requirements):
    candidates = np.arange(len(table))
    found = HostManager().get_weighed_hosts(
        table, candidates, cloud.make_spec(**requirements), count
    )
    return [table.hosts[i] for i in found]


def test_hosts_with_more_free_resources_are_better(options):
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


def test_a_failed_build_outweighs_free_resources(options):
    large_but_failing = {"memory_mb": 65536, "vcpus": 64, "failed_builds": 1}
    assert best(cloud.make_table(large_but_failing, {})) == ["h2"]


def test_weights_are_normalized_before_they_are_multiplied(options):
    options("cpu_weight_multiplier", 0.9)
    options("disk_weight_multiplier", 0.0)
    more_memory, more_vcpus = {"memory_mb": 16384}, {"vcpus": 16}
    assert best(cloud.make_table(more_memory, more_vcpus)) == ["h1"]


def test_half_of_the_free_memory_has_half_of_the_weight(options):
    """The scale begins at 0 and not at the worst host: a small difference weighs little."""
    options("cpu_weight_multiplier", 0.9)
    options("disk_weight_multiplier", 0.0)
    little_more_memory, more_vcpus = {"memory_mb": 8193}, {"vcpus": 4000}
    assert best(cloud.make_table(little_more_memory, more_vcpus)) == ["h2"]


def test_a_host_with_fewer_io_operations_is_better(options):
    table = cloud.make_table({}, {}, {})
    table.set_io_ops({"h1": 2, "h2": 1, "h3": 2, "deleted": 5})
    assert best(table) == ["h2"]
    options("io_ops_weight_multiplier", 1.0)
    assert best(table, count=3) == ["h1", "h3", "h2"]


def test_the_number_of_servers_counts_only_with_a_multiplier(options):
    table = cloud.make_table({"running_vms": 3}, {"running_vms": 1}, {"running_vms": 2})
    assert best(table) == ["h1"]
    options("num_instances_weight_multiplier", -1.0)
    assert best(table, count=3) == ["h2", "h3", "h1"]
    options("num_instances_weight_multiplier", 1.0)
    assert best(table, count=3) == ["h1", "h3", "h2"]


_MULTIPLIERS = {
    "ram_weight_multiplier": {"memory_mb": 4096},
    "cpu_weight_multiplier": {"vcpus": 4},
    "disk_weight_multiplier": {"local_gb": 50},
    "io_ops_weight_multiplier": {},
    "num_instances_weight_multiplier": {"running_vms": 0},
    "build_failure_weight_multiplier": {"failed_builds": 0},
}


@pytest.mark.parametrize("option", _MULTIPLIERS)
def test_an_aggregate_sets_the_multiplier_of_its_hosts(options, option):
    """h1 and h2 are equal; h3 has less, so that the numbers are not all equal."""
    for each in _MULTIPLIERS:
        options(each, 0.0)
    full = {"running_vms": 4, "failed_builds": 4}
    hosts = [full, full, full | _MULTIPLIERS[option]]
    sign = -1 if option.startswith("build") else 1

    def chosen(value):
        table = cloud.make_table(*hosts, aggregates=[({option: value}, ["h2"])])
        table.set_io_ops({"h1": 4, "h2": 4})
        return best(table)

    assert chosen(str(sign * 2.5)) == ["h2"]
    assert chosen(str(sign * -2.5)) == ["h1"]


def test_the_smallest_multiplier_of_several_aggregates_counts(options):
    aggregates = [
        ({"ram_weight_multiplier": "3"}, ["h1", "h2"]),
        ({"ram_weight_multiplier": "-2"}, ["h1"]),
        ({"ram_weight_multiplier": "4", "other": "x"}, ["h3", "h1"]),
    ]
    table = cloud.make_table({}, {}, {}, {}, aggregates=aggregates)
    multiplier = RAMWeigher().multiplier(table)
    assert multiplier.tolist() == [-2, 3, 4, 1]


@pytest.mark.parametrize("value", ["much", "nan", "-inf", ""])
def test_a_multiplier_that_is_not_a_number_is_logged_and_not_used(options, caplog, value):
    options("cpu_weight_multiplier", 1.5)
    table = cloud.make_table({}, {}, aggregates=[({"cpu_weight_multiplier": value}, ["h2"])])
    assert CPUWeigher().multiplier(table).tolist() == [1.5, 1.5]
    assert f"cpu_weight_multiplier: not used, as it is not a number: {value}" in caplog.text


def test_the_first_host_is_chosen_at_random_from_the_subset(options):
    options("host_subset_size", 3)
    table = cloud.make_table({"memory_mb": 1024}, {}, {}, {})
    chosen = {tuple(best(table, count=2)) for _ in range(200)}
    assert {first for first, _ in chosen} == {"h2", "h3", "h4"}
    assert all(first != second for first, second in chosen)


def test_equal_hosts_are_shuffled_if_configured(options):
    options("shuffle_best_same_weighed_hosts", True)
    table = cloud.make_table({"memory_mb": 1024}, {}, {})
    assert {best(table)[0] for _ in range(100)} == {"h2", "h3"}


def test_the_error_names_an_unknown_weigher(options):
    options("weight_classes", ["RAMWeigher", "LuckWeigher"])
    with pytest.raises(exception.ConfigurationError, match=r"weight_classes.*LuckWeigher.*CPUWeig"):
        HostManager()


def test_other_names_in_the_package_are_not_weighers():
    with pytest.raises(exception.ConfigurationError, match="'CONF'"):
        loadables.load(weights, weights.BaseHostWeigher, ["CONF"], "option")
