"""A node is emptied for its maintenance, while its guests answer pings."""

from __future__ import annotations

import contextlib

import pytest
from stacklib.pinging import pinging

DRAINED, OTHER = "n2", "n1"  # the only nodes with disks in Ceph
GUESTS = 3
LOST_SECONDS = 1
SLOW_SECONDS = 30  # other work on the machine makes emulated guests slow


@pytest.fixture
def node_is_enabled(nodes):
    yield
    nodes.manage("host", "restore", DRAINED)


def test_the_guests_of_a_node_that_is_drained_answer(nodes, boot, node_is_enabled):
    servers = [boot(DRAINED) for _ in range(GUESTS)]
    for server in servers:
        nodes.says(server["id"], "GUEST: ready")
        nodes.allow_ping(server["id"])
    command = nodes.in_network("private")
    with contextlib.ExitStack() as stack:
        pings = [stack.enter_context(pinging(command, address_of(each))) for each in servers]
        output = nodes.manage("host", "drain", DRAINED, "--wait")
        for server in servers:
            nodes.wait_for_ping(address_of(server))
        silences = [each.stop() for each in pings]
    print(output, *silences, sep="\n")
    assert f"{DRAINED} is empty" in output
    assert nodes.domains(DRAINED) == []
    for server in servers:
        assert server["id"] in nodes.domains(OTHER)
        assert nodes.show(server["id"])["OS-EXT-SRV-ATTR:host"] == OTHER
        assert nodes.newest_migration(server["id"])["migration_type"] == "live-migration"
    assert max(each.lost for each in silences) <= LOST_SECONDS
    assert max(each.longest for each in silences) <= SLOW_SECONDS
    assert nodes.services("nova-compute")[DRAINED]["status"] == "disabled"
    assert "enabled" in nodes.manage("host", "restore", DRAINED)
    assert nodes.services("nova-compute")[DRAINED]["status"] == "enabled"


def address_of(server: dict) -> str:
    (address,) = (each["addr"] for each in server["addresses"]["private"])
    return address
