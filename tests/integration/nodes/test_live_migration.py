"""Guests move between the nodes of a stack while they run."""

from __future__ import annotations

import base64

import pytest
from stacklib.pinging import pinging

from tests.functional.harness.waiting import until

SECONDS = 180
LOST_SECONDS = 8  # Neutron's agents need some seconds to send the traffic to the other node
SLOW_SECONDS = 30  # other work on the machine makes emulated guests slow
SLOW, FAST = "2", "1000"  # MiB/s: a slow migration can be watched


@pytest.fixture
def volume(nodes):
    made = nodes.create_volume()
    yield made
    nodes.delete_volume(made)


@pytest.fixture
def n1_is_slow(nodes):
    """So that a migration from n1 can be watched."""
    nodes.set_options("n1", "compute", {"OS_LIBVIRT__LIVE_MIGRATION_BANDWIDTH": SLOW})
    until("n1 is up", lambda: nodes.compute_state("n1") == "up", 60, 0.5)
    yield
    nodes.set_options("n1", "compute", {})
    until("n1 is up", lambda: nodes.compute_state("n1") == "up", 60, 0.5)


def running_on(nodes, server: str) -> list[str]:
    return [each for each in nodes.names if server in nodes.domains(each)]


def migrate(nodes, server: str, node: str) -> None:
    nodes.act(server, "os-migrateLive", {"host": node, "block_migration": "auto"})


def ends(nodes, server: str, status: str) -> dict:
    """Wait until the newest migration has this status; returns the server."""

    def ended() -> bool:
        found = nodes.newest_migration(server)["status"]
        assert found == status or found not in ("error", "failed", "cancelled", "completed"), found
        return found == status

    until(f"the migration is {status}", ended, SECONDS, pause=0.5)
    return nodes.wait_for(server, "ACTIVE")


def set_speed(nodes, server: str, speed: str, node: str) -> None:
    nodes.run(node, "virsh", "migrate-setspeed", server, speed)


def moves(nodes, server: str) -> None:
    def has_begun() -> bool:
        return nodes.newest_migration(server)["status"] == "running"

    until("the guest moves", has_begun, 60, pause=0.5)


@pytest.mark.moves
def test_a_guest_moves_and_answers(nodes, volume, boot):
    server = boot("n1")
    nodes.says(server["id"], "GUEST: boot=1")
    nodes.attach(server["id"], volume)
    nodes.allow_ping(server["id"])
    (address,) = (each["addr"] for each in server["addresses"]["private"])
    with pinging(nodes.in_network("private"), address) as pings:
        for node, other in (("n2", "n1"), ("n1", "n2")):
            migrate(nodes, server["id"], node)
            after = ends(nodes, server["id"], "completed")
            assert running_on(nodes, server["id"]) == [node]
            assert after["OS-EXT-SRV-ATTR:host"] == node
            assert after["addresses"] == server["addresses"]
            assert server["id"] not in nodes.run(other, "virsh", "list", "--all", "--uuid")
            assert nodes.files(other, server["id"]) == []
            assert volume in nodes.run(node, "virsh", "dumpxml", server["id"])
            assert nodes.attachments(volume) == 1
            nodes.wait_for_ping(address)
        silence = pings.stop()
    print(silence)
    assert silence.lost < LOST_SECONDS
    assert silence.longest < SLOW_SECONDS
    nodes.act(server["id"], "reboot", {"type": "HARD"})
    nodes.says(server["id"], "GUEST: boot=2")  # the counter is on its disk
    nodes.detach(server["id"], volume)


def test_an_aborted_migration(nodes, boot, n1_is_slow):
    server = boot("n1")
    migrate(nodes, server["id"], "n2")
    moves(nodes, server["id"])
    nodes.abort(server["id"], nodes.newest_migration(server["id"])["id"])
    after = ends(nodes, server["id"], "cancelled")
    assert after["OS-EXT-SRV-ATTR:host"] == "n1"
    assert running_on(nodes, server["id"]) == ["n1"]
    assert server["id"] not in nodes.run("n2", "virsh", "list", "--all", "--uuid")
    assert nodes.files("n2", server["id"]) == []


@pytest.mark.parametrize("node", ["n1", "n2"])
def test_a_compute_dies_while_a_guest_moves(nodes, boot, n1_is_slow, node):
    """libvirt goes on; the records follow the guest."""
    server = boot("n1")
    migrate(nodes, server["id"], "n2")
    moves(nodes, server["id"])
    nodes.kill_compute(node)
    set_speed(nodes, server["id"], FAST, "n1")
    after = ends(nodes, server["id"], "completed")
    assert after["OS-EXT-SRV-ATTR:host"] == "n2"
    assert running_on(nodes, server["id"]) == ["n2"]


# The guest writes a number a second to its disk. It says the number if all that it has written is
# on the disk: the numbers, and 8 MiB whose checksum it knows. It drops its page cache before.
_WRITER = """#!/bin/sh
cd /root
dd if=/dev/urandom of=blob bs=1M count=8
sha256sum blob >sum
sync
cat >writer <<'END'
n=0
while true; do
    n=$((n + 1))
    echo $n >>numbers
    sync
    echo 3 >/proc/sys/vm/drop_caches
    awk 'NR != $1 { exit 1 } END { if (NR != '$n') exit 1 }' numbers && sha256sum -c sum &&
        say whole=$n
    sleep 1
done
END
sh writer >/dev/null 2>&1 </dev/null &
"""


def test_block_migration_of_a_guest_that_writes(nodes, volume, boot):
    writer = base64.b64encode(_WRITER.encode()).decode()
    server = boot("n3", user_data=writer, config_drive=True)
    nodes.says(server["id"], "GUEST: whole=3")
    nodes.attach(server["id"], volume)
    nodes.allow_ping(server["id"])
    (address,) = (each["addr"] for each in server["addresses"]["private"])
    with pinging(nodes.in_network("private"), address) as pings:
        migrate(nodes, server["id"], "n4")
        after = ends(nodes, server["id"], "completed")
        nodes.wait_for_ping(address)
        silence = pings.stop()
    print(silence)
    assert silence.lost < LOST_SECONDS
    assert silence.longest < SLOW_SECONDS
    assert after["OS-EXT-SRV-ATTR:host"] == "n4"
    assert running_on(nodes, server["id"]) == ["n4"]
    assert nodes.files("n3", server["id"]) == []
    assert server["id"] not in nodes.run("n3", "virsh", "list", "--all", "--uuid")
    assert volume in nodes.run("n4", "virsh", "dumpxml", server["id"])
    assert nodes.attachments(volume) == 1
    assert "backing file:" in nodes.disk_info("n4", server["id"])  # only what it wrote was copied
    nodes.says(server["id"], "GUEST: whole=")  # the log of n4 begins with the guest's arrival
    nodes.act(server["id"], "reboot", {"type": "HARD"})
    nodes.says(server["id"], "GUEST: boot=2")  # from the copy
    nodes.detach(server["id"], volume)


def test_an_aborted_block_migration(nodes, boot):
    server = boot("n3")
    nodes.says(server["id"], "GUEST: boot=1")
    set_speed(nodes, server["id"], SLOW, "n3")
    migrate(nodes, server["id"], "n4")
    moves(nodes, server["id"])
    assert nodes.files("n4", server["id"]) != []
    nodes.abort(server["id"], nodes.newest_migration(server["id"])["id"])
    after = ends(nodes, server["id"], "cancelled")
    assert after["OS-EXT-SRV-ATTR:host"] == "n3"
    assert running_on(nodes, server["id"]) == ["n3"]
    assert server["id"] not in nodes.run("n4", "virsh", "list", "--all", "--uuid")
    assert nodes.files("n4", server["id"]) == []


def test_a_guest_with_disks_in_files_stays(nodes, boot):
    server = boot("n3")
    migrate(nodes, server["id"], "n2")
    after = ends(nodes, server["id"], "error")
    assert after["OS-EXT-SRV-ATTR:host"] == "n3"
    assert running_on(nodes, server["id"]) == ["n3"]
