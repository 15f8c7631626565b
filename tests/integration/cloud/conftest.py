"""Real guests through the whole of it: run in the node, by ``tools/stack exec pytest ...``.

Servers are the demo user's. Whatever a test leaves behind, the slate must be clean at the end.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator

import pytest

from tests.integration.cloud.harness import node, oracle
from tests.integration.cloud.harness.cloud import Cloud
from tests.integration.cloud.harness.guest import FLAVOR, Guest
from tests.integration.cloud.harness.instruments import Instruments, installed
from tests.integration.cloud.harness.volumes import Volumes


def pytest_configure(config):
    sdk = "ignore::openstack.warnings.OpenStackDeprecationWarning"
    config.addinivalue_line("filterwarnings", sdk)


def pytest_collection_modifyitems(items):
    here = pathlib.Path(__file__).parent
    for item in items:
        if not node.NAME and here in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="not in a node of tools/stack"))


@pytest.fixture(scope="session")
def instruments() -> Iterator[Instruments]:
    with installed() as instruments:
        yield instruments


@pytest.fixture(scope="session")
def cloud(instruments) -> Iterator[Cloud]:
    one = Cloud()
    oracle.forgive_what_was_before(one)
    yield one
    oracle.assert_clean(one)


Boot = Callable[..., Guest]


def _booting(cloud: Cloud) -> Iterator[Boot]:
    made: list[Guest] = []

    def boot(wait: str | None = "ACTIVE", **fields) -> Guest:
        """A server of the smallest flavor, from the qcow2 image, without network, but for
        ``fields``; waits until it has the status ``wait``."""
        body = {
            "name": "it",
            "imageRef": cloud.image("mini-qcow2"),
            "flavorRef": FLAVOR,
            "networks": "none",
            **fields,
        }
        answer = cloud.user.post("/servers", {"server": body}, 202)
        guest = Guest(cloud, answer["server"]["id"])
        made.append(guest)
        if wait:
            guest.wait_for(wait)
        return guest

    yield boot
    for guest in made:
        cloud.admin.request("DELETE", f"/servers/{guest.id}")
    for guest in made:
        cloud.admin.wait_gone(guest.id, 60)


def _volumes(cloud: Cloud) -> Iterator[Volumes]:
    if not cloud.has_volumes:
        pytest.skip("this stack has no Cinder")
    made = Volumes(cloud)
    yield made
    made.remove()


@pytest.fixture
def volumes(cloud) -> Iterator[Volumes]:
    """Of one test. Ask for it before ``boot``: servers must go before their volumes."""
    yield from _volumes(cloud)


@pytest.fixture
def boot(cloud) -> Iterator[Boot]:
    """Servers of one test, deleted at its end."""
    yield from _booting(cloud)


@pytest.fixture(scope="module")
def boot_for_all(cloud) -> Iterator[Boot]:
    """Servers of all tests of a file."""
    yield from _booting(cloud)
