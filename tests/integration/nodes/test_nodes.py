"""A cloud of three nodes: servers on each of them, and nodes that fail."""

from __future__ import annotations

import base64

import pytest

from tests.functional.harness.waiting import until

DOWN_SECONDS = 90  # after the last report of a service: service_down_time, and a reserve
UP_SECONDS = 30


def user_data(command: str) -> str:
    return base64.b64encode(f"#!/bin/sh\n{command}\n".encode()).decode()


@pytest.mark.parametrize("node, disk", [("n1", "vms/"), ("n2", "vms/"), ("n3", "instances/")])
def test_a_server_boots_on_each_node(nodes, boot, node, disk):
    server = boot(node)
    assert server["OS-EXT-SRV-ATTR:host"] == node
    assert [each for each in nodes.names if server["id"] in nodes.domains(each)] == [node]
    assert disk in nodes.run(node, "virsh", "domblklist", server["id"])
    nodes.says(server["id"], "GUEST: ready")


def test_guests_on_two_nodes_ping_each_other(nodes, boot):
    first = boot("n2")
    nodes.says(first["id"], "GUEST: ready")
    (address,) = (each["addr"] for each in first["addresses"]["private"])
    ping = f"ping -c 3 -W 5 {address} && echo PEER ANSWERS"
    second = boot("n3", user_data=user_data(ping))
    nodes.says(second["id"], "PEER ANSWERS")


@pytest.mark.parametrize("node, other", [("n1", "n2"), ("n2", "n3"), ("n3", "n1")])
def test_hypervisors_reach_each_other(nodes, node, other):
    assert nodes.run(node, "ssh", "-o", "BatchMode=yes", other, "hostname").strip() == other
    uri = f"qemu+ssh://{other}/system"
    assert nodes.run(node, "virsh", "--connect", uri, "hostname").strip() == other


def test_a_compute_node_knows_no_password_of_the_database(nodes):
    secrets = nodes.run(
        "n1", "grep", "--recursive", "--files-with-matches", "mysql", "/etc/nova-mini/"
    )
    assert secrets, "the search finds nothing anywhere"
    assert not nodes.succeeds("n4", "grep", "--recursive", "mysql", "/etc/nova-mini/")
    for node in ("n2", "n4"):
        assert not nodes.succeeds(node, "test", "-e", str(nodes.directory / "secrets.json"))
        assert not nodes.succeeds(node, "test", "-e", str(nodes.directory / "etc"))


def test_a_node_that_is_cut_off_is_reached_again_when_it_joins(nodes):
    ping = ("ping", "-c", "1", "-W", "2", nodes.address("n3"))
    nodes.tool("node", "cut", "n3")
    try:
        assert not nodes.succeeds("n1", *ping)
    finally:
        nodes.tool("node", "join", "n3")
    until("n3 answers", lambda: nodes.succeeds("n1", *ping), 10)


def test_a_crashed_node_is_down_and_comes_back_with_its_servers(nodes, boot):
    server = boot("n2")
    nodes.tool("node", "crash", "n2")
    try:
        until("the cloud misses n2", lambda: nodes.compute_state("n2") == "down", DOWN_SECONDS, 1)
        assert nodes.compute_state("n3") == "up"
    finally:
        nodes.tool("node", "start", "n2")
    until("n2 is back", lambda: nodes.compute_state("n2") == "up", UP_SECONDS, 1)
    nodes.wait_for(server["id"], "SHUTOFF")
    nodes.act(server["id"], "os-start")
    nodes.wait_for(server["id"], "ACTIVE")
    assert server["id"] in nodes.domains("n2")


def test_a_frozen_node_is_down_until_it_is_thawed(nodes):
    nodes.tool("node", "freeze", "n3")
    try:
        until("the cloud misses n3", lambda: nodes.compute_state("n3") == "down", DOWN_SECONDS, 1)
    finally:
        nodes.tool("node", "unfreeze", "n3")
    until("n3 is back", lambda: nodes.compute_state("n3") == "up", UP_SECONDS, 1)
