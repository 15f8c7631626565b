"""The resource tracker reports the host's resources when they change."""

from __future__ import annotations

import dataclasses

import pytest

from nova_mini import exception
from nova_mini.compute.host import resource_tracker
from nova_mini.context import get_admin_context
from nova_mini.db import compute_nodes
from nova_mini.objects.aggregate import Aggregate
from nova_mini.virt.driver.host_information import HostResources
from tests.servers import make_flavor, make_instance

HOST = "h1"


class Driver:
    def __init__(self):
        self.resource = HostResources(
            hypervisor_hostname=HOST,
            hypervisor_type="fake",
            hypervisor_version=1,
            vcpus=4,
            memory_mb=1024,
            local_gb=10,
            cpu_info={},
            supported_instances=[],
            traits=["COMPUTE_NODE"],
            host_uptime="up 1 minute",
        )

    def change(self, **fields) -> None:
        self.resource = dataclasses.replace(self.resource, **fields)

    def get_available_resource(self):
        return self.resource


@pytest.fixture
def driver(database) -> Driver:
    return Driver()


@pytest.fixture
def tracker(driver) -> resource_tracker.ResourceTracker:
    made = resource_tracker.ResourceTracker(HOST, driver)
    made.init_host()
    return made


def test_unchanged_resources_are_not_reported(driver, tracker):
    reported = compute_nodes.get_by_host(HOST)
    driver.change(host_uptime="up 2 minutes")
    tracker.update_available_resource()
    assert compute_nodes.get_by_host(HOST) == reported


def test_changed_resources_are_reported_at_once(driver, tracker):
    driver.change(memory_mb=2048, host_uptime="up 2 minutes")
    tracker.update_available_resource()
    reported = compute_nodes.get_by_host(HOST)
    assert (reported["memory_mb"], reported["uptime"]) == (2048, "up 2 minutes")


def test_traits_of_the_administrator_are_reported(driver, tmp_path, override):
    entry = "{identification: {name: h1}, traits: {additional: [CUSTOM_GOLD, CUSTOM_A]}}"
    path = tmp_path / "x.yaml"
    path.write_text(f"meta: {{schema_version: '1.0'}}\nproviders: [{entry}]")
    override("provider_config_location", str(tmp_path), "compute")
    tracker = resource_tracker.ResourceTracker(HOST, driver)
    tracker.init_host()
    traits = compute_nodes.get_by_host(HOST)["traits"]
    assert traits == ["COMPUTE_NODE", "CUSTOM_A", "CUSTOM_GOLD"]
    driver.change(traits=[])
    tracker.update_available_resource()
    assert compute_nodes.get_by_host(HOST)["traits"] == ["CUSTOM_A", "CUSTOM_GOLD"]


def test_everything_is_reported_after_an_interval(driver, tracker, monkeypatch):
    monkeypatch.setattr(resource_tracker, "_REPORT_INTERVAL", 0)
    driver.change(host_uptime="up 2 minutes")
    tracker.update_available_resource()
    assert compute_nodes.get_by_host(HOST)["uptime"] == "up 2 minutes"


def test_a_server_is_checked_with_the_ratios_of_the_aggregates(tracker):
    instance = make_instance(make_flavor(vcpus=17, memory_mb=1))
    with pytest.raises(exception.ComputeResourcesUnavailable, match="16 vcpus left"):
        tracker._take(instance)
    metadata = {"cpu_allocation_ratio": "5"}
    aggregate = Aggregate(get_admin_context(), name="dense", metadata=metadata)
    aggregate.create()
    aggregate.add_host(HOST)
    tracker._take(instance)
