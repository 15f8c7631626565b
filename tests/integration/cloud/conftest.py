"""Real guests in the stack's cloud: run in the node, by ``tools/stack exec pytest ...``.

The servers belong to the demo user. At the end of each test the oracle must find no violations.
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
        """Create a server and wait until it has the status ``wait``. By default it has the smallest
        flavor, the qcow2 image and no network; ``fields`` override that."""
        body = {
            "name": "it",
            "imageRef": cloud.image("mini-qcow2"),
            "flavorRef": FLAVOR,
            "networks": "none",
            **fields,
        }
        response = cloud.user.post("/servers", {"server": body}, 202)
        guest = Guest(cloud, response["server"]["id"])
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
    """The volumes of one test. Request this fixture before ``boot``: servers are deleted before
    their volumes."""
    yield from _volumes(cloud)


@pytest.fixture
def boot(cloud) -> Iterator[Boot]:
    """Servers of one test, deleted at its end."""
    yield from _booting(cloud)


@pytest.fixture(scope="module")
def boot_for_all(cloud) -> Iterator[Boot]:
    """Servers of all tests of a file."""
    yield from _booting(cloud)


@pytest.fixture(scope="module")
def door(cloud) -> Iterator:
    """A security group that allows ssh."""
    network = cloud.of_user.network
    group = network.create_security_group(name="it-door")
    network.create_security_group_rule(
        security_group_id=group.id,
        direction="ingress",
        protocol="tcp",
        port_range_min=22,
        port_range_max=22,
    )
    yield group
    network.delete_security_group(group)


@pytest.fixture
def reach(cloud) -> Iterator[Callable[[Guest], str]]:
    """``reach(guest)`` adds a floating address to the guest and returns it."""
    network, made = cloud.of_user.network, []

    def reach(guest: Guest) -> str:
        port = guest.interfaces()[0]["port_id"]
        public = cloud.network("public")
        made.append(network.create_ip(floating_network_id=public, port_id=port))
        return made[-1].floating_ip_address

    yield reach
    for floating in made:
        network.delete_ip(floating)
