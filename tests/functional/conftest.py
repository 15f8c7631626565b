"""One broker, one database and one cloud for all functional tests that do not break the cloud."""

from __future__ import annotations

import pathlib
import shutil
import tempfile
from collections.abc import Iterator

import pytest

from tests.functional.harness import cloud as clouds
from tests.functional.harness import engines as all_engines
from tests.functional.harness import image_service, source
from tests.functional.harness.cloud import Cloud
from tests.functional.harness.engines import Engines
from tests.functional.harness.image_service import ImageService
from tests.functional.harness.project import Project

OLD_RELEASE = "44604b2"  # 0.1.0


@pytest.fixture(scope="session")
def workspace() -> Iterator[pathlib.Path]:
    """Kept when a test failed: the logs are there."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="nova-mini-test-"))
    yield path
    if _failed:
        print(f"\nlogs of the functional tests: {path}")
    else:
        shutil.rmtree(path)


@pytest.fixture(scope="session")
def engines(workspace) -> Iterator[Engines]:
    with all_engines.running(workspace / "engines") as running:
        yield running


@pytest.fixture(scope="session")
def images() -> Iterator[ImageService]:
    with image_service.running() as service:
        yield service


@pytest.fixture(scope="session")
def cloud(engines, images, workspace) -> Iterator[Cloud]:
    """The cloud of all tests that leave it alive."""
    with clouds.running(engines, workspace / "cloud", images) as running:
        yield running


@pytest.fixture(scope="session")
def old_release(workspace) -> source.Source:
    """The oldest release from which a cloud can be upgraded to this one."""
    return source.checkout(OLD_RELEASE, workspace / OLD_RELEASE)


@pytest.fixture(scope="session")
def catalog(cloud, images) -> dict[str, str]:
    """The ids of an ``image`` and a ``flavor`` (1 vcpu, 64 MiB, 1 GiB) for servers."""
    return make_catalog(cloud, images)


def make_catalog(cloud: Cloud, images: ImageService, flavor_id: str = "tiny") -> dict[str, str]:
    flavor = {"name": flavor_id, "id": flavor_id, "vcpus": 1, "ram": 64, "disk": 1}
    cloud.admin.post("/flavors", {"flavor": flavor})
    return {"image": images.add(), "flavor": flavor_id}


@pytest.fixture
def project(request, cloud, catalog) -> Iterator[Project]:
    """A project for one test. At the end its servers are deleted, and the cloud is checked."""
    one = Project(cloud, request.node.name, catalog)
    yield one
    one.end()


# -- the logs of the daemons in the report of a failed test --------------------------------------

_failed: list[str] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        _failed.append(report.nodeid)
        running = getattr(item, "funcargs", {}).get("cloud")
        for daemon in running.daemons if running else ():
            report.sections.append((f"log of {daemon.name}", daemon.process.tail()))
    return report
