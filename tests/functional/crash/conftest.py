"""A cloud for tests that break it; it is repaired after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functional.conftest import make_catalog
from tests.functional.harness import cloud as clouds
from tests.functional.harness.cloud import Cloud
from tests.functional.harness.project import Project

HOST = "c1"  # the host of servers whose compute is killed


@pytest.fixture(scope="package")
def crash_cloud(engines, images, workspace) -> Iterator[Cloud]:
    with clouds.running(engines, workspace / "crash", images) as running:
        yield running


@pytest.fixture(scope="package")
def catalog(crash_cloud, images) -> dict[str, str]:
    return make_catalog(crash_cloud, images)


@pytest.fixture
def cloud(crash_cloud) -> Iterator[Cloud]:
    """A cloud whose daemons are all started again at the end of the test."""
    yield crash_cloud
    crash_cloud.repair()


@pytest.fixture
def project(request, cloud, catalog) -> Iterator[Project]:
    one = Project(cloud, request.node.name, catalog)
    quota = {"quota_set": {"instances": 100, "cores": 100}}
    cloud.admin.put(f"/os-quota-sets/{one.id}", quota)
    yield one
    cloud.repair()
    one.end()
