"""Hosts have the traits that a server requires, and none that it forbids."""

from __future__ import annotations

import pytest

from nova_mini import exception
from nova_mini.db import compute_nodes
from nova_mini.scheduler.manager import SchedulerManager
from tests.unit.scheduler import cloud


@pytest.fixture
def scheduler(database):
    cloud.add_host("plain", traits=["COMPUTE_NODE"])
    cloud.add_host("gold", traits=["COMPUTE_NODE", "CUSTOM_GOLD", "HW_CPU_X86_AVX2"])
    cloud.add_host("old", traits=None)
    return SchedulerManager()


def hosts_of(scheduler, count=6, **requirements) -> set[str]:
    """The hosts of so many servers; a host has room for eight."""
    specs = [cloud.make_spec(memory_mb=1024, **requirements) for _ in range(count)]
    return {found[0].service_host for found in cloud.select(scheduler, *specs)}


@pytest.mark.parametrize(
    ("extra_specs", "image_properties", "expected"),
    [
        ({}, {}, ["gold", "old", "plain"]),
        ({"trait:CUSTOM_GOLD": "required"}, {}, ["gold"]),
        ({"trait:CUSTOM_GOLD": "forbidden"}, {}, ["plain"]),
        ({}, {"trait:HW_CPU_X86_AVX2": "required"}, ["gold"]),
        ({}, {"trait:HW_CPU_X86_AVX2": "forbidden"}, ["plain"]),
        ({"trait:COMPUTE_NODE": "required"}, {}, ["gold", "plain"]),
        ({"trait:COMPUTE_STATUS_DISABLED": "forbidden"}, {}, ["gold", "plain"]),
    ],
    ids=str,
)
def test_traits_choose_the_hosts(scheduler, extra_specs, image_properties, expected):
    requirements = {"extra_specs": extra_specs, "image_properties": image_properties}
    assert sorted(hosts_of(scheduler, **requirements)) == expected


@pytest.mark.parametrize(
    "extra_specs",
    [
        {"trait:CUSTOM_SILVER": "required"},
        {"trait:CUSTOM_GOLD": "required", "trait:HW_CPU_X86_AVX2": "forbidden"},
    ],
)
def test_no_host_has_the_traits(scheduler, extra_specs):
    with pytest.raises(exception.NoValidHost) as raised:
        hosts_of(scheduler, count=1, extra_specs=extra_specs)
    assert "0 after traits" in raised.value.internal


def test_a_forced_host_needs_the_traits(scheduler):
    required = {"trait:CUSTOM_GOLD": "required"}
    assert hosts_of(scheduler, count=1, extra_specs=required, force_host="gold") == {"gold"}
    with pytest.raises(exception.NoValidHost):
        hosts_of(scheduler, count=1, extra_specs=required, force_host="plain")


def test_the_hardware_of_a_guest_chooses_the_hosts(scheduler):
    uefi = {"hw_firmware_type": "uefi"}
    with pytest.raises(exception.NoValidHost):
        hosts_of(scheduler, count=1, image_properties=uefi)
    cloud.add_host("uefi", traits=["COMPUTE_FIRMWARE_UEFI"])
    assert hosts_of(scheduler, image_properties=uefi) == {"uefi"}


def test_a_new_report_is_read(scheduler):
    scheduler.learn_hosts()
    compute_nodes.report("plain", {"traits": ["CUSTOM_SILVER"]})
    required = {"trait:CUSTOM_SILVER": "required"}
    assert hosts_of(scheduler, count=1, extra_specs=required) == {"plain"}
