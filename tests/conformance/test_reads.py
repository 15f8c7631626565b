"""Each GET at each microversion: it exists where Nova's exists, and its answer has Nova's form."""

from __future__ import annotations

import os

import pytest

from nova_mini.api.openstack.api_version import MAX_VERSION
from tests.conformance import declared, differences
from tests.conformance.declared import Operation, Version, text

READS = (
    [each for each in declared.load().operations if each.method == "GET"]
    if declared.FILE in os.environ
    else []
)
VERSIONS = [(2, minor) for minor in range(1, MAX_VERSION.minor + 1)]


# Codes of reads whose object the fake driver, or a cloud without these services, does not have.
EXPECTED = {
    "/os-baremetal-nodes": (404, 501),
    "/os-baremetal-nodes/{id}": (404, 501),
    "/os-console-auth-tokens/{id}": (400,),  # before 2.31 it is for RDP alone
    "/os-hosts/{id}/reboot": (501,),
    "/os-hosts/{id}/shutdown": (501,),
    "/os-hosts/{id}/startup": (501,),
    "/os-hypervisors/{id}/uptime": (501,),
    "/servers/{server_id}/migrations/{id}": (404,),  # it is not a live migration
    "/servers/{server_id}/shares/{id}": (404,),
    "/servers/{server_id}/tags/{id}": (204,),
}


@pytest.mark.parametrize("operation", READS, ids=str)
def test_read(world, operation: Operation):
    if (reason := differences.READS.get(str(operation))) is not None:
        pytest.skip(reason)
    found: dict[str, list[str]] = {}
    for version in VERSIONS:
        for fault in _faults(world, operation, version):
            found.setdefault(fault, []).append(text(version))
    assert not found, "\n".join(f"{fault} ({_span(at)})" for fault, at in found.items())


def _faults(world, operation: Operation, version: Version) -> list[str]:
    response = world.send("GET", world.path(operation, version), version)
    status = response.status_code
    if operation.is_removed:
        return [] if status in (404, 410) else [f"{status}, not 410"]
    if not operation.exists_at(version):
        return [] if status == 404 else [f"{status}, not 404"]
    if status != 200:
        is_expected = status in EXPECTED.get(operation.path, ())
        return [] if is_expected else [f"{status}, not 200: {response.text[:200]}"]
    schema = operation.response(version)
    return declared.faults(schema, response.json()) if schema else []


def _span(versions: list[str]) -> str:
    return versions[0] if len(versions) == 1 else f"{versions[0]} to {versions[-1]}"
