"""Servers move between the nodes of a stack."""

from __future__ import annotations

from tests.functional.harness.waiting import until


def running_on(nodes, server: str) -> list[str]:
    return [each for each in nodes.names if server in nodes.domains(each)]


def test_a_server_with_disks_in_ceph_moves_to_another_node(nodes, boot):
    server = boot("n1")
    nodes.says(server["id"], "GUEST: boot=1")
    nodes.move(server["id"], "n2")
    assert running_on(nodes, server["id"]) == ["n2"]
    nodes.says(server["id"], "GUEST: boot=2")  # the counter is on its disk
    nodes.act(server["id"], "confirmResize")
    after = nodes.wait_for(server["id"], "ACTIVE")
    assert after["OS-EXT-SRV-ATTR:host"] == "n2"
    assert after["addresses"] == server["addresses"]
    assert server["id"] not in nodes.run("n1", "virsh", "list", "--all", "--uuid")


def test_a_server_goes_back_to_its_node(nodes, boot):
    server = boot("n1")
    nodes.says(server["id"], "GUEST: boot=1")
    nodes.move(server["id"], "n2")
    nodes.says(server["id"], "GUEST: boot=2")
    nodes.act(server["id"], "revertResize")
    after = nodes.wait_for(server["id"], "ACTIVE")
    assert after["OS-EXT-SRV-ATTR:host"] == "n1"
    assert running_on(nodes, server["id"]) == ["n1"]
    nodes.says(server["id"], "GUEST: boot=3")


def test_a_server_with_disks_in_files_stays_on_its_node(nodes, boot):
    server = boot("n3")
    nodes.act(server["id"], "migrate", {"host": "n2"})
    action = until("the move has failed", lambda: _failed(nodes, server["id"]), 60, pause=0.5)
    assert any("shares no storage" in (each["traceback"] or "") for each in action["events"])
    after = nodes.show(server["id"])
    assert (after["status"], after["OS-EXT-SRV-ATTR:host"]) == ("ACTIVE", "n3")
    assert running_on(nodes, server["id"]) == ["n3"]


def _failed(nodes, server: str) -> dict | None:
    action = nodes.newest_action(server)
    return action if action["message"] == "Error" else None
