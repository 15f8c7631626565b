"""The filters that compare a request with the metadata of the hosts' aggregates."""

from __future__ import annotations

import pytest

from nova_mini.scheduler.filters.aggregate_image_properties_isolation import (
    AggregateImagePropertiesIsolation,
)
from nova_mini.scheduler.filters.aggregate_instance_extra_specs import (
    AggregateInstanceExtraSpecsFilter,
)
from nova_mini.scheduler.filters.aggregate_multitenancy_isolation import (
    AggregateMultiTenancyIsolation,
)
from tests.unit.scheduler import cloud


def passing(filter_class, aggregates, **requirements) -> list[str]:
    """The names of those of the hosts h1, h2, h3 that pass."""
    table = cloud.make_table({}, {}, {}, aggregates=aggregates)
    mask = filter_class().host_passes_all(table, cloud.make_spec(**requirements))
    return [host for host, passes in zip(table.hosts, mask, strict=True) if passes]


# -- extra specs ---------------------------------------------------------------------------------

_DISKS = [({"disk": "ssd"}, ["h1", "h2"]), ({"disk": "nvme, tape", "size": "20"}, ["h2"])]


@pytest.mark.parametrize(
    ("extra_specs", "expected"),
    [
        ({}, ["h1", "h2", "h3"]),
        ({"aggregate_instance_extra_specs:disk": "ssd"}, ["h1", "h2"]),
        ({"aggregate_instance_extra_specs:disk": "tape"}, ["h2"]),
        ({"aggregate_instance_extra_specs:disk": "<or> hdd <or> nvme"}, ["h2"]),
        ({"aggregate_instance_extra_specs:disk": "s!= ssd"}, ["h2"]),
        ({"aggregate_instance_extra_specs:disk": "hdd"}, []),
        ({"aggregate_instance_extra_specs:size": ">= 16"}, ["h2"]),
        ({"aggregate_instance_extra_specs:size": ">= 32"}, []),
        ({"aggregate_instance_extra_specs:unknown": "1"}, []),
        ({"aggregate_instance_extra_specs:disk:x": "ssd"}, []),
        ({"disk": "ssd"}, ["h1", "h2"]),
        ({"disk": "ssd", "aggregate_instance_extra_specs:size": "20"}, ["h2"]),
        ({"hw:disk": "hdd", "capabilities:disk": "hdd"}, ["h1", "h2", "h3"]),
    ],
    ids=str,
)
def test_extra_specs_are_compared_with_the_metadata(extra_specs, expected):
    assert passing(AggregateInstanceExtraSpecsFilter, _DISKS, extra_specs=extra_specs) == expected


# -- projects ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("project", "expected"),
    [("red", ["h1", "h2", "h3"]), ("blue", ["h2", "h3"]), ("green", ["h3"])],
)
def test_hosts_of_an_aggregate_are_for_its_projects(project, expected):
    aggregates = [
        ({"filter_tenant_id": "red"}, ["h1", "h2"]),
        ({"filter_tenant_id": "blue, pink"}, ["h2"]),
        ({"other": "green"}, ["h1", "h3"]),
    ]
    assert passing(AggregateMultiTenancyIsolation, aggregates, project_id=project) == expected


def test_an_aggregate_without_a_project_in_its_list_is_for_none():
    aggregates = [({"filter_tenant_id": ""}, ["h2"])]
    assert passing(AggregateMultiTenancyIsolation, aggregates) == ["h1", "h3"]


# -- images --------------------------------------------------------------------------------------

_SYSTEMS = [
    ({"os_distro": "windows", "os_type": "windows"}, ["h1"]),
    ({"os_distro": "debian, ubuntu"}, ["h2"]),
]


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({}, ["h1", "h2", "h3"]),
        ({"os_distro": "windows"}, ["h1", "h3"]),
        ({"os_distro": "ubuntu"}, ["h2", "h3"]),
        ({"os_distro": "fedora"}, ["h3"]),
        ({"os_distro": ""}, ["h1", "h2", "h3"]),
        ({"os_distro": "windows", "os_type": "linux"}, ["h3"]),
        ({"hw_cpu_cores": "2"}, ["h1", "h2", "h3"]),
    ],
    ids=str,
)
def test_hosts_of_an_aggregate_are_for_images_with_its_values(properties, expected):
    assert (
        passing(AggregateImagePropertiesIsolation, _SYSTEMS, image_properties=properties)
        == expected
    )


def test_properties_that_nova_does_not_define_are_not_compared():
    aggregates = [({"mine": "1"}, ["h1"])]
    assert passing(
        AggregateImagePropertiesIsolation, aggregates, image_properties={"mine": "2"}
    ) == ["h1", "h2", "h3"]


def test_only_properties_of_the_namespace_are_compared(override):
    aggregates = [({"os_type": "linux"}, ["h1"]), ({"hw_vif_model": "e1000"}, ["h2"])]
    image = {"os_type": "windows", "hw_vif_model": "virtio"}
    for namespace, expected in (("hw", ["h1", "h3"]), ("os", ["h2", "h3"]), (None, ["h3"])):
        options = {"namespace": namespace, "separator": "_"}
        for name, value in options.items():
            option = f"aggregate_image_properties_isolation_{name}"
            override(option, value, "filter_scheduler")
        found = passing(AggregateImagePropertiesIsolation, aggregates, image_properties=image)
        assert found == expected, namespace
