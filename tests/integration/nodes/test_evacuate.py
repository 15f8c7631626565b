"""A node dies or is frozen, and its servers start on another node with their data."""

from __future__ import annotations

import pytest

from tests.functional.harness.waiting import until

DEAD, OTHER = "n2", "n1"  # both have their disks in Ceph
DOWN_SECONDS = 90
UP_SECONDS = 120
CLEAN_SECONDS = 120


@pytest.fixture
def node_is_back(nodes):
    """Whatever happens, the node runs at the end, and is not forced down."""
    yield
    nodes.force_down(DEAD, False)
    nodes.tool("node", "start", DEAD)  # it thaws a frozen node, too
    until(f"{DEAD} is up", lambda: nodes.compute_state(DEAD) == "up", UP_SECONDS, 1)


def is_blocked(nodes) -> bool:
    return f"{nodes.address(DEAD)}:0/0" in nodes.ceph("osd", "blocklist", "ls")


def wait_down(nodes) -> None:
    until(f"{DEAD} is down", lambda: nodes.compute_state(DEAD) == "down", DOWN_SECONDS, 1)


def evacuate(nodes, server: str) -> None:
    """From microversion 2.95 on, the server is stopped at its destination."""
    nodes.act(server, "evacuate", {})
    nodes.wait_for(server, "SHUTOFF")
    assert nodes.show(server)["OS-EXT-SRV-ATTR:host"] == OTHER
    assert is_blocked(nodes)
    nodes.act(server, "os-start")
    nodes.wait_for(server, "ACTIVE")


def check_cleaned_up(nodes, server: str) -> None:
    until(
        "the evacuation is completed",
        lambda: nodes.newest_migration(server)["status"] == "completed",
        CLEAN_SECONDS,
        1,
    )
    until(f"{DEAD} is up", lambda: nodes.compute_state(DEAD) == "up", UP_SECONDS, 1)
    assert server not in nodes.run(DEAD, "virsh", "list", "--all", "--uuid")
    assert server in nodes.domains(OTHER)
    assert not is_blocked(nodes)


def test_a_server_of_a_node_without_power_starts_elsewhere(nodes, boot, node_is_back):
    server = boot(DEAD)["id"]
    nodes.says(server, "GUEST: boot=1")
    addresses = nodes.show(server)["addresses"]
    nodes.tool("node", "crash", DEAD)
    wait_down(nodes)
    evacuate(nodes, server)
    nodes.says(server, "GUEST: boot=2")  # the counter is on its disk
    assert nodes.show(server)["addresses"] == addresses
    nodes.tool("node", "start", DEAD)
    check_cleaned_up(nodes, server)
    nodes.says(boot(DEAD)["id"], "GUEST: boot=1")  # it can use Ceph again


@pytest.mark.moves
def test_an_administrator_need_not_wait_for_missing_heartbeats(nodes, boot, node_is_back):
    server = boot(DEAD)["id"]
    nodes.says(server, "GUEST: boot=1")
    nodes.tool("node", "crash", DEAD)
    nodes.force_down(DEAD, True)
    evacuate(nodes, server)
    nodes.says(server, "GUEST: boot=2")  # the counter is on its disk
    nodes.force_down(DEAD, False)
    nodes.tool("node", "start", DEAD)
    check_cleaned_up(nodes, server)


def test_a_frozen_node_that_thaws_does_not_touch_the_data(nodes, boot, node_is_back):
    server = boot(DEAD)["id"]
    nodes.says(server, "GUEST: boot=1")
    nodes.tool("node", "freeze", DEAD)
    wait_down(nodes)
    evacuate(nodes, server)
    nodes.says(server, "GUEST: boot=2")
    nodes.tool("node", "unfreeze", DEAD)
    check_cleaned_up(nodes, server)
    nodes.act(server, "reboot", {"type": "HARD"})
    nodes.wait_for(server, "ACTIVE")
    nodes.says(server, "GUEST: boot=3")


def test_the_command_for_a_whole_node(nodes, boot, node_is_back):
    servers = [boot(DEAD)["id"], boot(DEAD)["id"]]
    for server in servers:
        nodes.says(server, "GUEST: boot=1")
    nodes.tool("node", "crash", DEAD)
    wait_down(nodes)
    output = nodes.manage("host", "evacuate", DEAD, "--wait")
    for server in servers:
        assert f"is on {OTHER}" in next(line for line in output.splitlines() if server in line)
        nodes.says(server, "GUEST: boot=2")
    nodes.tool("node", "start", DEAD)
    for server in servers:
        check_cleaned_up(nodes, server)
