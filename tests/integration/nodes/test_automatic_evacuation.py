"""The servers of a node without power start on another node, without a request."""

from __future__ import annotations

import time

import pytest

from tests.functional.harness.waiting import until

DEAD, OTHER = "n2", "n1"  # both have their disks in Ceph
ASKS = {"nova_mini:evacuate": "true"}
MOVE_SECONDS = 180
CLEAN_SECONDS = 120
DAEMONS = ("conductor", "scheduler", "api", "compute")

# How often services report and when they are down, in seconds.
USUAL = {"OS_CONDUCTOR__EVACUATE_AFTER": "60"}
SHORT = {
    "OS_CONDUCTOR__EVACUATE_AFTER": "6",
    "OS_DEFAULT__REPORT_INTERVAL": "1",
    "OS_DEFAULT__SERVICE_DOWN_TIME": "6",
    # Messages for the dead node's conductor wait in a broker until it misses heartbeats.
    "OS_OSLO_MESSAGING_RABBIT__HEARTBEAT_TIMEOUT_THRESHOLD": "4",
}
WATCH_SECONDS = "10"  # after which Ceph forgets a client that died; 30 by default


@pytest.fixture
def options(nodes):
    """Sets options of all daemons of the control nodes. Whatever happens, they are as before at the
    end, and the node that died runs."""

    def set_options(values: dict[str, str]) -> None:
        for daemon in DAEMONS:
            for node in nodes.control_names:
                nodes.set_options(node, daemon, values)
        for node in nodes.control_names:
            until(f"{node} is up", lambda node=node: nodes.compute_state(node) == "up", 60, 0.5)

    yield set_options
    nodes.tool("node", "start", DEAD)
    set_options({})
    nodes.ceph("config", "rm", "osd", "osd_client_watch_timeout")


@pytest.mark.parametrize(
    ("values", "watch_seconds", "limit"),  # the goals are 90 and 30 seconds on a quiet machine
    [
        pytest.param(USUAL, "30", 120, id="usual"),
        pytest.param(SHORT, WATCH_SECONDS, 60, id="short"),
    ],
)
def test_servers_that_ask_for_it_are_evacuated(nodes, boot, options, values, watch_seconds, limit):
    nodes.ceph("config", "set", "osd", "osd_client_watch_timeout", watch_seconds)
    options(values)
    asks, stays = boot(DEAD, metadata=ASKS)["id"], boot(DEAD)["id"]
    for server in (asks, stays):
        nodes.says(server, "GUEST: boot=1")
    began = time.monotonic()
    nodes.tool("node", "crash", DEAD)
    until(f"the server is on {OTHER}", lambda: host_of(nodes, asks) == OTHER, MOVE_SECONDS, 0.5)
    nodes.wait_for(asks, "ACTIVE")
    nodes.says(asks, "GUEST: boot=2")  # the counter is on its disk
    seconds = time.monotonic() - began
    print(f"from the power cut to the boot on another node: {seconds:.1f} s")
    assert host_of(nodes, stays) == DEAD
    assert seconds <= limit
    nodes.tool("node", "start", DEAD)
    until(
        "the evacuation is completed",
        lambda: nodes.newest_migration(asks)["status"] == "completed",
        CLEAN_SECONDS,
        1,
    )
    assert asks not in nodes.run(DEAD, "virsh", "list", "--all", "--uuid")
    assert asks in nodes.domains(OTHER)


def host_of(nodes, server: str) -> str:
    return nodes.show(server)["OS-EXT-SRV-ATTR:host"]
