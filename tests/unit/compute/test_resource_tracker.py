"""What a host has is told when it is news."""

from __future__ import annotations

import pytest

from nova_mini.compute import resource_tracker
from nova_mini.db import compute_nodes

HOST = "h1"


class Driver:
    def __init__(self):
        self.resource = {
            "hypervisor_hostname": HOST,
            "hypervisor_type": "fake",
            "hypervisor_version": 1,
            "vcpus": 4,
            "memory_mb": 1024,
            "local_gb": 10,
            "disk_available_least": None,
            "disk_pool": None,
            "cpu_info": {},
            "supported_instances": [],
            "host_uptime": "up 1 minute",
        }

    def get_available_resource(self):
        return dict(self.resource)


@pytest.fixture
def driver(database) -> Driver:
    return Driver()


@pytest.fixture
def tracker(driver) -> resource_tracker.ResourceTracker:
    made = resource_tracker.ResourceTracker(HOST, driver)
    made.init_host()
    return made


def test_nothing_new_is_not_told(driver, tracker):
    told = compute_nodes.get_by_host(HOST)
    driver.resource["host_uptime"] = "up 2 minutes"
    tracker.update_available_resource()
    assert compute_nodes.get_by_host(HOST) == told


def test_what_is_new_is_told_at_once(driver, tracker):
    driver.resource |= {"memory_mb": 2048, "host_uptime": "up 2 minutes"}
    tracker.update_available_resource()
    told = compute_nodes.get_by_host(HOST)
    assert (told["memory_mb"], told["uptime"]) == (2048, "up 2 minutes")


def test_all_is_told_now_and_then(driver, tracker, monkeypatch):
    monkeypatch.setattr(resource_tracker, "_REPORT_ANYWAY", 0)
    driver.resource["host_uptime"] = "up 2 minutes"
    tracker.update_available_resource()
    assert compute_nodes.get_by_host(HOST)["uptime"] == "up 2 minutes"
