"""Three control nodes: api, conductor, scheduler and a broker on each of n1, n2 and n3."""

from __future__ import annotations

import json

import pytest

from tests.functional.harness.waiting import until

FAILS, STAYS = "n3", "n2"  # two of the nodes that the stack has more than once
SERVERS = 4
MISSED_SECONDS = 90
BACK_SECONDS = 120
SERVICES = ("nova-conductor", "nova-scheduler", "nova-compute")


@pytest.fixture
def node_is_back(nodes):
    """Whatever happens, the node runs at the end."""
    yield
    nodes.tool("node", "start", FAILS)
    for binary in SERVICES:
        until(f"{binary} is up", lambda b=binary: nodes.state(b, FAILS) == "up", BACK_SECONDS, 1)


def test_each_control_node_has_its_services(nodes):
    for binary in SERVICES[:2]:
        assert [nodes.state(binary, name) for name in ("n1", "n2", "n3")] == ["up"] * 3
    assert nodes.services("nova-conductor").keys() == {"n1", "n2", "n3"}


@pytest.mark.parametrize("node", ["n1", "n2", "n3"])
def test_each_api_serves_the_same_cloud(nodes, boot, node):
    server = boot("n1")["id"]
    found = nodes.compute_of(node, "GET", f"/servers/{server}")["server"]
    assert found["OS-EXT-SRV-ATTR:host"] == "n1"
    nodes.compute_of(node, "PUT", f"/servers/{server}", {"server": {"name": f"by-{node}"}})
    assert nodes.show(server)["name"] == f"by-{node}"


def test_brokers_are_one_cluster(nodes):
    assert _running_brokers(nodes) == {"rabbit@n1", "rabbit@n2", "rabbit@n3"}


def test_no_build_is_lost_with_a_control_node(nodes, boot, node_is_back):
    servers = [boot.begin(("n1", "n2")[number % 2]) for number in range(SERVERS)]
    nodes.tool("node", "crash", FAILS)
    for server in servers:
        nodes.wait_for(server, "ACTIVE")
    assert _running_brokers(nodes) == {"rabbit@n1", "rabbit@n2"}
    nodes.compute_of(STAYS, "POST", f"/servers/{servers[0]}/action", {"os-stop": None})
    nodes.wait_for(servers[0], "SHUTOFF")
    until(
        "the cloud misses the conductor of the node",
        lambda: nodes.state("nova-conductor", FAILS) == "down",
        MISSED_SECONDS,
        1,
    )
    nodes.tool("node", "start", FAILS)
    until(
        "the broker has joined the others",
        lambda: len(_running_brokers(nodes)) == 3,
        BACK_SECONDS,
        1,
    )


def test_no_build_is_lost_when_all_services_of_a_node_are_killed(nodes, boot):
    servers = [boot.begin(("n1", "n2")[number % 2]) for number in range(SERVERS)]
    for service in ("conductor", "scheduler", "api"):
        nodes.kill(STAYS, f"nova-mini-{service}@{STAYS}")
    for server in servers:
        nodes.wait_for(server, "ACTIVE")


def _running_brokers(nodes) -> set[str]:
    return set(json.loads(nodes.rabbitmqctl("n1", "cluster_status"))["running_nodes"])
