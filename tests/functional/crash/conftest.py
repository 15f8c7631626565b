"""A cloud to be broken, mended after each test; what was recovered from is told at the end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.chaos.proxy import Proxy
from tests.chaos.report import Report
from tests.chaos.wire import Wire
from tests.functional.conftest import make_catalog
from tests.functional.harness import cloud as clouds
from tests.functional.harness.cloud import Cloud
from tests.functional.harness.project import Project

HOST, OTHER = "c1", "c2"

_report = Report()


@pytest.fixture(scope="package")
def glance(images) -> Iterator[Proxy]:
    """The way to the images, which can be broken."""
    with Proxy(images.url).running() as proxy:
        yield proxy


@pytest.fixture(scope="package")
def wires(engines) -> Iterator[dict[str, Wire]]:
    """Each host's way to the broker, which can be cut."""
    with contextlib.ExitStack() as stack:
        made = {host: Wire(engines.rabbitmq.port) for host in (HOST, OTHER)}
        for wire in made.values():
            stack.callback(wire.close)
        yield made


@pytest.fixture(scope="package")
def crash_cloud(engines, glance, wires, workspace) -> Iterator[Cloud]:
    with clouds.running(engines, workspace / "crash", glance, wires=wires) as running:
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


@pytest.fixture(scope="session")
def crash_report() -> Report:
    return _report


def pytest_terminal_summary(terminalreporter):
    if not _report.rows:
        return
    terminalreporter.section("recovered from")
    for line in _report.table():
        terminalreporter.write_line(line)
