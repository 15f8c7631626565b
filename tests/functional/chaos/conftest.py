"""A cloud for the chaos tests, and their report at the end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.chaos import tenant
from tests.chaos.local_site import LocalSite
from tests.chaos.proxy import Proxy
from tests.chaos.report import Report
from tests.chaos.wire import Wire
from tests.functional.conftest import make_catalog
from tests.functional.harness import cloud as clouds
from tests.functional.harness.project import Project

HOSTS = ("c1", "c2")
# The hosts must not count as down: builds would fail then.
_OPTIONS = {"DEFAULT": {"service_down_time": 60}}

# As much disk as the other flavor, because no resize makes a disk smaller.
LARGER = {"name": "larger", "id": "larger", "vcpus": 2, "ram": 128, "disk": 1, "swap": 8}

_report = Report()


@pytest.fixture(scope="package")
def site(engines, images, workspace) -> Iterator[LocalSite]:
    with contextlib.ExitStack() as stack:
        glance = stack.enter_context(Proxy(images.url).running())
        wires = {host: Wire(engines.rabbitmq.port) for host in HOSTS}
        for wire in wires.values():
            stack.callback(wire.close)
        running = clouds.running(
            engines,
            workspace / "chaos",
            images,
            computes=HOSTS,
            options=_OPTIONS,
            wires=wires,
            image_url=glance.url,
        )
        cloud = stack.enter_context(running)
        project = Project(cloud, "chaos", make_catalog(cloud, images))
        cloud.admin.post("/flavors", {"flavor": LARGER})
        quota = {"quota_set": {"instances": 100, "cores": 100}}
        cloud.admin.put(f"/os-quota-sets/{project.id}", quota)
        flavors = {name: name for name in ("tiny", LARGER["name"])}
        other = images.add(name="other", **tenant.image_properties())
        yield LocalSite(cloud, project, glance, wires, other, flavors)
        cloud.repair()
        project.end()


@pytest.fixture(scope="session")
def chaos_report() -> Report:
    return _report


def pytest_terminal_summary(terminalreporter):
    if not _report.rows:
        return
    terminalreporter.section("chaos")
    for line in _report.table():
        terminalreporter.write_line(line)
