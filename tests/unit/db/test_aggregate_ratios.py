"""Allocation ratios that aggregates set for their hosts."""

from __future__ import annotations

import pytest

from nova_mini.context import get_admin_context
from nova_mini.db import allocations, compute_nodes
from nova_mini.objects.aggregate import Aggregate
from nova_mini.scheduler.host_manager import HostManager
from tests.unit.scheduler import cloud

pytestmark = pytest.mark.usefixtures("database")

CPU, RAM = "cpu_allocation_ratio", "ram_allocation_ratio"
REPORT = {"vcpus": 8, CPU: 1.0, RAM: 1.0, "disk_allocation_ratio": 1.0}


@pytest.fixture(autouse=True)
def _hosts(database) -> None:
    for host in ("h1", "h2"):
        cloud.add_host(host)


def aggregate(hosts: tuple[str, ...], **metadata: str) -> Aggregate:
    made = Aggregate(get_admin_context(), name=f"{hosts}{metadata}", metadata=metadata)
    made.create()
    for host in hosts:
        made.add_host(host)
    return made


def ratio(host: str, key: str = CPU) -> float:
    return compute_nodes.get_by_host(host)[key]


def test_a_ratio_holds_at_once_for_the_hosts_of_the_aggregate():
    made = aggregate(("h1",), **{CPU: "16"})
    assert (ratio("h1"), ratio("h2"), ratio("h1", RAM)) == (16.0, 1.0, 1.0)
    made.change(None, {CPU: "2.5", RAM: "1.5"})
    assert (ratio("h1"), ratio("h1", RAM)) == (2.5, 1.5)


def test_a_report_does_not_replace_it():
    aggregate(("h1",), **{CPU: "16"})
    assert compute_nodes.report("h1", REPORT)[CPU] == 16.0
    assert ratio("h1") == 16.0
    assert compute_nodes.report("h2", REPORT)[CPU] == 1.0


def test_the_smallest_one_of_several_aggregates_counts():
    aggregate(("h1", "h2"), **{CPU: "16"})
    smaller = aggregate(("h1",), **{CPU: "3"})
    assert (ratio("h1"), ratio("h2")) == (3.0, 16.0)
    smaller.remove_host("h1")
    assert ratio("h1") == 16.0


def test_without_an_aggregate_the_next_report_counts_again():
    made = aggregate(("h1",), **{CPU: "16"})
    made.change(None, {CPU: None})
    compute_nodes.report("h1", REPORT)
    assert ratio("h1") == 1.0


@pytest.mark.parametrize("value", ["many", "0", "-1", "nan", "inf", ""])
def test_other_values_are_logged_and_not_used(value, caplog):
    made = aggregate(("h1",))
    made.change(None, {CPU: value})
    assert ratio("h1") == 1.0 and compute_nodes.report("h1", REPORT)[CPU] == 1.0
    assert f"{CPU}={value!r} is not a number above 0" in caplog.text


def test_claims_and_schedulers_use_it():
    requested = {"vcpus": 9, "memory_mb": 1, "local_gb": 1}
    assert not allocations.claim("a", "h1", requested)
    aggregate(("h1",), **{CPU: "2"})
    assert allocations.claim("a", "h1", requested)
    table = HostManager().get_all_host_states()
    assert table.limit["vcpus"].tolist() == [16, 8]
