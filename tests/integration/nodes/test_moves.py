"""Servers move between the nodes of a stack.

A guest counts its boots on its disk, so that the number says which disk it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.functional.harness.waiting import until

DOWN_SECONDS = 90  # after the last report of a service: service_down_time, and a reserve
UP_SECONDS = 60
LARGER = {"ram": 128, "vcpus": 1, "disk": 2}


@pytest.fixture
def volume(nodes, boot) -> Iterator[str]:
    """The id of a volume. The servers that use it are deleted before it."""
    made = nodes.create_volume()
    yield made
    boot.delete()
    nodes.delete_volume(made)


@pytest.fixture
def flavor(nodes) -> Iterator[Callable[..., str]]:
    """Creates a flavor and returns its id."""
    made: list[str] = []

    def of(name: str, **fields: int) -> str:
        made.append(nodes.create_flavor(name, **{**LARGER, **fields}))
        return made[-1]

    yield of
    nodes.delete_flavors(made)


def running_on(nodes, server: str) -> list[str]:
    return [each for each in nodes.names if server in nodes.domains(each)]


def disks_of(nodes, node: str, server: str) -> str:
    return nodes.run(node, "virsh", "domblklist", server)


# -- disks in Ceph -------------------------------------------------------------------------------


def test_a_server_with_disks_in_ceph_moves_to_another_node(nodes, boot):
    server = boot("n1")
    nodes.says(server["id"], "GUEST: boot=1")
    nodes.move(server["id"], "n2")
    assert running_on(nodes, server["id"]) == ["n2"]
    nodes.says(server["id"], "GUEST: boot=2")
    nodes.act(server["id"], "confirmResize")
    after = nodes.wait_for(server["id"], "ACTIVE")
    assert after["OS-EXT-SRV-ATTR:host"] == "n2"
    assert after["addresses"] == server["addresses"]
    assert server["id"] not in nodes.run("n1", "virsh", "list", "--all", "--uuid")


@pytest.mark.moves
def test_a_server_goes_back_to_its_node(nodes, boot):
    server = boot("n1")
    nodes.says(server["id"], "GUEST: boot=1")
    nodes.move(server["id"], "n2")
    nodes.says(server["id"], "GUEST: boot=2")
    nodes.act(server["id"], "revertResize")
    after = nodes.wait_for(server["id"], "ACTIVE")
    assert after["OS-EXT-SRV-ATTR:host"] == "n1"
    assert running_on(nodes, server["id"]) == ["n1"]
    nodes.boots(server["id"], 2)  # that on n2 is in the console there


def test_a_resize_replaces_the_swap_disk_and_a_revert_brings_it_back(nodes, boot, flavor):
    small, large = flavor("nodes-swap-8", swap=8), flavor("nodes-swap-16", swap=16)
    server = boot("n1", flavorRef=small)["id"]
    nodes.says(server, "GUEST: ready")
    assert nodes.rbd_size(f"{server}_disk.swap") == 8 << 20
    nodes.act(server, "resize", {"flavorRef": large})
    nodes.wait_for(server, "VERIFY_RESIZE")
    assert nodes.rbd_size(f"{server}_disk.swap") == 16 << 20
    nodes.act(server, "revertResize")
    nodes.wait_for(server, "ACTIVE")
    assert nodes.rbd_size(f"{server}_disk.swap") == 8 << 20
    assert nodes.rbd_disks(server) == [f"{server}_disk", f"{server}_disk.swap"]
    nodes.says(server, "GUEST: boot=2")  # that of the source's disk, as it was


def test_a_move_is_confirmed_while_its_source_is_off(nodes, boot, flavor):
    """The destination removes what a revert would have needed."""
    server = boot("n2")["id"]
    nodes.says(server, "GUEST: ready")
    nodes.act(server, "resize", {"flavorRef": flavor("nodes-larger")})
    after = nodes.wait_for(server, "VERIFY_RESIZE")
    assert after["OS-EXT-SRV-ATTR:host"] == "n1"
    assert nodes.rbd_snapshots(f"{server}_disk") == ["nova-resize"]
    nodes.tool("node", "crash", "n2")
    try:
        until("the cloud misses n2", lambda: nodes.compute_state("n2") == "down", DOWN_SECONDS, 1)
        nodes.act(server, "confirmResize")
        nodes.wait_for(server, "ACTIVE")
        assert nodes.rbd_snapshots(f"{server}_disk") == []
    finally:
        nodes.tool("node", "start", "n2")
    until("n2 is back", lambda: nodes.compute_state("n2") == "up", UP_SECONDS, 1)
    until("n2 has nothing of it", lambda: not nodes.files("n2", server), UP_SECONDS, 1)
    assert running_on(nodes, server) == ["n1"]


# -- disks in files ------------------------------------------------------------------------------


@pytest.mark.moves
def test_a_server_with_disks_in_files_is_copied_to_another_node(nodes, boot, volume):
    server = boot("n3")
    nodes.says(server["id"], "GUEST: ready")
    nodes.attach(server["id"], volume)
    nodes.move(server["id"], "n4")
    assert running_on(nodes, server["id"]) == ["n4"]
    assert f"volume-{volume}" in disks_of(nodes, "n4", server["id"])
    nodes.says(server["id"], "GUEST: boot=2")
    assert f"{server['id']}_resize" in nodes.files("n3", server["id"])
    nodes.act(server["id"], "confirmResize")
    after = nodes.wait_for(server["id"], "ACTIVE")
    assert after["OS-EXT-SRV-ATTR:host"] == "n4"
    assert after["addresses"] == server["addresses"]
    assert nodes.files("n3", server["id"]) == []
    nodes.act(server["id"], "reboot", {"type": "HARD"})
    nodes.says(server["id"], "GUEST: boot=3")
    assert f"volume-{volume}" in disks_of(nodes, "n4", server["id"])


def test_a_server_with_disks_in_files_goes_back(nodes, boot, volume):
    server = boot("n3")["id"]
    nodes.says(server, "GUEST: ready")
    nodes.attach(server, volume)
    nodes.move(server, "n4")
    nodes.says(server, "GUEST: boot=2")
    nodes.act(server, "revertResize")
    after = nodes.wait_for(server, "ACTIVE")
    assert after["OS-EXT-SRV-ATTR:host"] == "n3"
    assert running_on(nodes, server) == ["n3"]
    assert (nodes.files("n3", server), nodes.files("n4", server)) == ([server], [])
    assert f"volume-{volume}" in disks_of(nodes, "n3", server)
    nodes.says(server, "GUEST: boot=2")  # what it wrote on n4 is not there


def test_a_copy_goes_on_after_the_destination_has_died(nodes, boot):
    server = boot("n3")["id"]
    nodes.says(server, "GUEST: ready")
    nodes.act(server, "migrate", {"host": "n4"})
    listed = [f"{server}/moved.json"]
    until("the copy has begun", lambda: nodes.files("n4", *listed), 60, pause=0.01)
    nodes.kill_compute("n4")
    nodes.wait_for(server, "VERIFY_RESIZE")
    assert running_on(nodes, server) == ["n4"]
    nodes.says(server, "GUEST: boot=2")


def test_a_deleted_server_leaves_nothing_on_either_node(nodes, boot):
    server = boot("n3")["id"]
    nodes.says(server, "GUEST: ready")
    nodes.move(server, "n4")
    boot.delete()
    until("n3 has nothing of it", lambda: not nodes.files("n3", server), 10, pause=0.2)
    assert nodes.files("n4", server) == []


@pytest.mark.parametrize(("source", "destination"), [("n3", "n2"), ("n1", "n3")])
def test_a_server_does_not_move_from_files_to_ceph_or_back(nodes, boot, source, destination):
    server = boot(source)["id"]
    nodes.act(server, "migrate", {"host": destination})
    until("the move has failed", lambda: _failed(nodes, server), 60, pause=0.5)
    after = nodes.show(server)
    assert any(
        "shares no storage" in (each["traceback"] or "")
        for each in nodes.newest_action(server)["events"]
    )
    assert (after["status"], after["OS-EXT-SRV-ATTR:host"]) == ("ACTIVE", source)
    assert running_on(nodes, server) == [source]


def _failed(nodes, server: str) -> bool:
    return nodes.newest_action(server)["message"] == "Error"
