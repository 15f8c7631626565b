"""The filters on columns give the same results as simple code that checks host after host."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_mini.db import allocations
from nova_mini.guest_options import filters as acting_filters
from nova_mini.guest_options.flavor_options import CAPABILITIES_OF_THE_MAKE, EXTRA_SPECS
from nova_mini.scheduler import host_attributes
from nova_mini.scheduler.filters import (
    affinity_filter,
    availability_zone_filter,
    compute_capabilities_filter,
    compute_filter,
    image_props_filter,
)
from tests.unit.scheduler import cloud

# -- generated hosts and requests ----------------------------------------------------------------

_hosts = st.lists(
    st.fixed_dictionaries(
        {
            "vcpus": st.integers(0, 4),
            "memory_mb": st.integers(0, 3).map(lambda n: 1024 * n),
            "local_gb": st.integers(0, 4),
            "reserved_vcpus": st.integers(0, 1),
            "reserved_memory_mb": st.sampled_from([0, 512]),
            "vcpus_used": st.integers(0, 4),
            "memory_mb_used": st.integers(0, 3).map(lambda n: 512 * n),
            "cpu_allocation_ratio": st.sampled_from([0.7, 1.0, 1.1, 16.0]),
            "running_vms": st.integers(0, 3),
            "hypervisor_type": st.sampled_from(["QEMU", "fake"]),
            "hypervisor_version": st.sampled_from([6_002_000, 7_002_003]),
            "cpu_info": st.sampled_from(
                [{}, {"arch": "x86_64", "features": ["aes", "avx"]}, {"arch": "aarch64"}]
            ),
            "supported_instances": st.sampled_from(
                [
                    [],
                    [["x86_64", "kvm", "hvm"], ["i686", "qemu", "hvm"]],
                    [["aarch64", "qemu", "hvm"]],
                ]
            ),
        }
    ),
    min_size=1,
    max_size=8,
)
_requirements = st.sampled_from(
    [
        "2",
        ">= 2",
        "<= 1",
        "== 2.0",
        "!= 2",
        "= 1",
        "s== QEMU",
        "s!= fake",
        "<in> 86",
        "x86_64",
        "<or> QEMU <or> fake",
        "<all-in> aes avx",
        "<or> x86_64",
        ">= many",
        "",
    ]
)
_capabilities = st.sampled_from(
    [
        "capabilities:vcpus_total",
        "vcpus_used",
        "capabilities:num_instances",
        "free_ram_mb",
        "capabilities:hypervisor_type",
        "hypervisor_version",
        "capabilities:cpu_info:arch",
        "capabilities:cpu_info:features",
        "capabilities:nothing",
        "capabilities:vcpus_total:x",
        "hw:cpu_policy",
        "unknown",
        "capabilities:host",
    ]
)
_image_properties = st.fixed_dictionaries(
    {},
    optional={
        "hw_architecture": st.sampled_from(["x86_64", "amd64", "arm64", "ppc"]),
        "architecture": st.sampled_from(["i386", "x86_64"]),
        "img_hv_type": st.sampled_from(["kvm", "QEMU"]),
        "hw_vm_mode": st.sampled_from(["hvm", "hv", "exe"]),
        "img_hv_requested_version": st.sampled_from([">=7.0", ">=6.0,<7.0", "nonsense"]),
        "os_type": st.just("linux"),
    },
)

# -- the simple code: one host at a time ---------------------------------------------------------


def _number(text):
    try:
        return float(text)
    except ValueError:
        return None


def _meets(value, requirement: str) -> bool:
    if value is None:
        return False
    words = requirement.split()
    text = str(value)
    if words and words[0] == "<or>":
        return text in words[1::2]
    if words and words[0] == "<all-in>":
        return isinstance(value, list) and set(words[1:]) <= set(value)
    if len(words) == 2:
        operator, operand = words
        if operator in ("s==", "s!=", "<in>"):
            return {"s==": text == operand, "s!=": text != operand, "<in>": operand in text}[
                operator
            ]
        left, right = _number(text), _number(operand)
        if left is None or right is None:
            return False
        return {
            "==": left == right,
            "!=": left != right,
            "<=": left <= right,
            ">=": left >= right,
            "=": left >= right,
        }[operator]
    return text == requirement


def _capability(number: int, host: dict, path: list[str]):
    known = {
        "vcpus_total": host["vcpus"],
        "vcpus_used": host["vcpus_used"],
        "num_instances": host["running_vms"],
        "free_ram_mb": float(
            host["memory_mb"] - host["reserved_memory_mb"] - host["memory_mb_used"]
        ),
        "hypervisor_type": host["hypervisor_type"],
        "hypervisor_version": host["hypervisor_version"],
        "cpu_info": host["cpu_info"],
        "host": f"h{number}",
    }
    value = known.get(path[0])
    for key in path[1:]:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _host_passes_capabilities(number: int, host: dict, extra_specs: dict) -> bool:
    for key, requirement in extra_specs.items():
        scope, *rest = key.split(":")
        if rest and scope != "capabilities":
            continue
        if not rest and _capability(number, host, [scope]) is None:
            continue
        if not _meets(_capability(number, host, rest or [scope]), requirement):
            return False
    return True


def _host_passes_image(host: dict, properties: dict) -> bool:
    version = properties.get("img_hv_requested_version")
    if version:
        is_seven = host["hypervisor_version"] == 7_002_003
        if {">=7.0": not is_seven, ">=6.0,<7.0": is_seven, "nonsense": True}[version]:
            return False
    same = {"amd64": "x86_64", "arm64": "aarch64", "i386": "i686", "hv": "hvm", "QEMU": "qemu"}
    arch = properties.get("hw_architecture") or properties.get("architecture")
    required = [arch, properties.get("img_hv_type"), properties.get("hw_vm_mode")]
    required = [same.get(name, name) for name in required]
    if required == [None, None, None]:
        return True
    for supported in host["supported_instances"]:
        if all(name in (None, has) for name, has in zip(required, supported, strict=True)):
            return True
    return False


def _host_has_room(host: dict, requested: dict) -> bool:
    for resource, amount in requested.items():
        ratio = host["cpu_allocation_ratio"] if resource == "vcpus" else 1.0
        reserved = host.get(f"reserved_{resource}", 0)
        used = host.get(f"{resource}_used", 0)
        if amount and used + amount > (host[resource] - reserved) * ratio:
            return False
    return True


# -- the comparisons -----------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(_hosts, st.dictionaries(_capabilities, _requirements, max_size=3))
def test_capabilities_filter_agrees_with_a_loop(hosts, extra_specs):
    passes = compute_capabilities_filter.ComputeCapabilitiesFilter().host_passes_all(
        cloud.make_table(*hosts), cloud.make_spec(extra_specs=extra_specs)
    )
    assert passes.tolist() == [
        _host_passes_capabilities(number, host, extra_specs)
        for number, host in enumerate(hosts, start=1)
    ]


@settings(max_examples=200, deadline=None)
@given(_hosts, _image_properties)
def test_image_filter_agrees_with_a_loop(hosts, properties):
    passes = image_props_filter.ImagePropertiesFilter().host_passes_all(
        cloud.make_table(*hosts), cloud.make_spec(image_properties=properties)
    )
    assert passes.tolist() == [_host_passes_image(host, properties) for host in hosts]


@settings(max_examples=200, deadline=None)
@given(_hosts, st.integers(0, 5), st.integers(0, 2048), st.integers(0, 5))
def test_room_agrees_with_a_loop(hosts, vcpus, memory_mb, local_gb):
    requested = {"vcpus": vcpus, "memory_mb": memory_mb, "local_gb": local_gb}
    table = cloud.make_table(*hosts)
    expected = [_host_has_room(host, requested) for host in hosts]
    assert table.having_room(requested).tolist() == expected
    assert [table.fits(i, requested) for i in range(len(hosts))] == expected


def test_compute_filter_passes_available_hosts():
    table = cloud.make_table({}, {}, {})
    table.set_unavailable([2])
    passes = compute_filter.ComputeFilter().host_passes_all(table, cloud.make_spec())
    assert passes.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("zone", "expected"),
    [(None, [True, True]), ("east", [True, False]), ("nova", [False, True]), ("x", [False, False])],
)
def test_availability_zone_filter(zone, expected):
    table = cloud.make_table({}, {}, aggregates=[({"availability_zone": "east"}, ["h1"])])
    passes = availability_zone_filter.AvailabilityZoneFilter().host_passes_all(
        table, cloud.make_spec(availability_zone=zone)
    )
    assert passes.tolist() == expected


def test_affinity_filters(database):
    for host in ("h1", "h2"):
        cloud.add_host(host)
    here, elsewhere = str(uuid.uuid4()), str(uuid.uuid4())
    requested = {"vcpus": 1, "memory_mb": 1, "local_gb": 1}
    assert allocations.claim(here, "h1", requested)
    table = cloud.make_table({}, {})

    def passes(filter_class, **hints):
        spec = cloud.make_spec(scheduler_hints=hints)
        return filter_class().host_passes_all(table, spec).tolist()

    assert passes(affinity_filter.SameHostFilter, same_host=here) == [True, False]
    assert passes(affinity_filter.SameHostFilter, same_host=[elsewhere]) == [False, False]
    assert passes(affinity_filter.SameHostFilter) == [True, True]
    assert passes(affinity_filter.DifferentHostFilter, different_host=[here]) == [False, True]
    assert passes(affinity_filter.DifferentHostFilter, different_host=elsewhere) == [True, True]


def test_the_capabilities_filter_knows_the_registered_extra_specs():
    """Extra specs of Nova's filter that are not registered are refused in a request."""
    claimed = {o.key for o in EXTRA_SPECS.options if o.actor == acting_filters.CAPABILITIES}
    plain = {key for key in claimed if ":" not in key}
    assert plain == {*host_attributes.COLUMNS, *CAPABILITIES_OF_THE_MAKE}
    scoped = {f"capabilities:{name}" for name in plain}
    assert claimed - plain == scoped | {"capabilities:cpu_info{keys}"}
