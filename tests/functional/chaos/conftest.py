"""A cloud of which every part can be broken, and what came of it, told at the end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.chaos.local_site import LocalSite
from tests.chaos.proxy import Proxy
from tests.chaos.report import Report
from tests.chaos.wire import Wire
from tests.functional.conftest import make_catalog
from tests.functional.harness import cloud as clouds
from tests.functional.harness.project import Project

HOSTS = ("c1", "c2")
# A host that is down for long is given up, and what was to be built there fails: not meant here.
_PATIENT = {"DEFAULT": {"service_down_time": 60}}

_report = Report()


@pytest.fixture(scope="package")
def site(engines, images, workspace) -> Iterator[LocalSite]:
    with contextlib.ExitStack() as stack:
        glance = stack.enter_context(Proxy(images.url).running())
        wires = {host: Wire(engines.rabbitmq.port) for host in HOSTS}
        for wire in wires.values():
            stack.callback(wire.close)
        running = clouds.running(
            engines, workspace / "chaos", images, computes=HOSTS, options=_PATIENT, wires=wires,
            image_url=glance.url,
        )  # fmt: skip
        cloud = stack.enter_context(running)
        project = Project(cloud, "chaos", make_catalog(cloud, images))
        quota = {"quota_set": {"instances": 100, "cores": 100}}
        cloud.admin.put(f"/os-quota-sets/{project.id}", quota)
        yield LocalSite(cloud, project, glance, wires, images.add(name="other"))
        cloud.mend()
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
