"""A cloud to be broken, mended after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functional.conftest import make_catalog
from tests.functional.harness import cloud as clouds
from tests.functional.harness.cloud import Cloud
from tests.functional.harness.project import Project

HOST = "c1"  # where servers are made of which one must know whom to kill


@pytest.fixture(scope="package")
def crash_cloud(engines, images, workspace) -> Iterator[Cloud]:
    with clouds.running(engines, workspace / "crash", images) as running:
        yield running


@pytest.fixture(scope="package")
def catalog(crash_cloud, images) -> dict[str, str]:
    return make_catalog(crash_cloud, images)


@pytest.fixture
def cloud(crash_cloud) -> Iterator[Cloud]:
    """Alive again at the end, whatever the test did."""
    yield crash_cloud
    crash_cloud.mend()


@pytest.fixture
def project(request, cloud, catalog) -> Iterator[Project]:
    one = Project(cloud, request.node.name, catalog)
    wanted = {"quota_set": {"instances": 100, "cores": 100}}
    cloud.admin.put(f"/os-quota-sets/{one.id}", wanted)
    yield one
    cloud.mend()
    one.end()
