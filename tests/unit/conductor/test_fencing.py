"""Ceph's blocklist as a fence. The monitor is a program that writes down what it is asked."""

from __future__ import annotations

import json
import pathlib
import threading
from collections.abc import Iterator
from uuid import uuid4

import pytest

from nova_mini import db, exception
from nova_mini.conductor import ceph_client, fencing
from nova_mini.conf import CONF
from nova_mini.db import models, query
from tests.unit.db import records

HOST, ADDRESS = "h1", "192.0.2.7"

_MONITOR = """
import json, pathlib, sys
request = json.load(sys.stdin)
here = pathlib.Path({directory!r})
with open(here / "asked", "a") as log:
    print(json.dumps(request), file=log)
if (here / "refuses").exists():
    print("a line before", file=sys.stderr)
    print("osd blocklist: access denied", file=sys.stderr)
    sys.exit(1)
print((here / "clients").read_text() if request["images"] else "[]")
"""


@pytest.fixture
def monitor(database, tmp_path, monkeypatch) -> Iterator[pathlib.Path]:
    """The directory of the monitor's records; the file ``refuses`` makes it refuse."""
    program = tmp_path / "monitor.py"
    program.write_text(_MONITOR.format(directory=str(tmp_path)))
    monkeypatch.setattr(ceph_client, "_PROGRAM", program)
    CONF.set_override("fence_ceph_user", "nova-fence", group="conductor")
    CONF.set_override("fence_ceph_conf", "/etc/ceph/x.conf", group="conductor")
    yield tmp_path
    for name in ("fence_ceph_user", "fence_ceph_conf"):
        CONF.clear_override(name, group="conductor")


def asked(monitor: pathlib.Path) -> list[tuple[str, str]]:
    """(operation, address) of each command."""
    path = monitor / "asked"
    requests = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [(c["blocklistop"], c["addr"]) for each in requests for c in each["commands"]]


def dead_host(pool: str | None = "rbd:fsid/vms", addresses=(ADDRESS,)) -> None:
    records.add_node(HOST, disk_pool=pool, ceph_addresses=list(addresses))
    records.add_service(HOST, seen=records.LONG_AGO)


def is_fenced() -> bool:
    return db.fences.is_fenced(db.fences.get_service(HOST))


def start() -> str:
    db.services.start(HOST, "nova-mini-compute", "compute", "new", 4)
    return "new"


def test_a_host_with_all_disks_in_ceph_is_fenced_by_the_blocklist(monitor):
    dead_host()
    fencing.fence(HOST)
    assert is_fenced()
    assert asked(monitor) == [("add", f"{ADDRESS}:0/0")]


def test_the_monitor_is_asked_as_configured(monitor):
    dead_host()
    fencing.fence(HOST)
    request = json.loads((monitor / "asked").read_text())
    assert (request["user"], request["conf"]) == ("nova-fence", "/etc/ceph/x.conf")
    (command,) = request["commands"]
    assert command["prefix"] == "osd blocklist" and command["expire"] > 86400


def test_an_address_of_version_6(monitor):
    dead_host(addresses=["2001:db8::7"])
    fencing.fence(HOST)
    assert asked(monitor) == [("add", "[2001:db8::7]:0/0")]


@pytest.mark.parametrize(
    ("pool", "addresses", "why"),
    [(None, [ADDRESS], "disks outside of Ceph"), ("rbd:fsid/vms", [], "no addresses")],
)
def test_a_host_that_the_blocklist_does_not_stop_is_not_fenced(monitor, pool, addresses, why):
    dead_host(pool, addresses)
    with pytest.raises(exception.HostNotFenced, match=why):
        fencing.fence(HOST)
    assert not is_fenced()


@pytest.mark.parametrize(("kind", "fences"), [("rbd", True), ("iscsi", False)])
def test_volumes_outside_of_ceph_are_not_stopped(monitor, kind, fences):
    dead_host()
    db.block_device_mappings.create(
        {
            "uuid": str(uuid4()),
            "instance_uuid": records.add_server(host=HOST),
            "source_type": "volume",
            "destination_type": "volume",
            "volume_id": str(uuid4()),
            "connection_info": json.dumps({"driver_volume_type": kind, "data": {}}),
        }
    )
    if fences:
        fencing.fence(HOST)
    else:
        with pytest.raises(exception.HostNotFenced, match="outside of Ceph"):
            fencing.fence(HOST)


def test_a_refusal_of_ceph_is_named(monitor):
    dead_host()
    (monitor / "refuses").touch()
    with pytest.raises(exception.HostNotFenced, match="access denied"):
        fencing.fence(HOST)
    assert not is_fenced()


def test_a_host_that_returns_is_taken_off_the_blocklist(monitor):
    dead_host()
    fencing.fence(HOST)
    assert fencing.readmit(HOST, start()) is True
    assert asked(monitor)[1:] == [("rm", f"{ADDRESS}:0/0")]


def test_entries_of_an_interrupted_fence_are_removed_too(monitor):
    dead_host()
    assert db.fences.begin(HOST, [ADDRESS])  # and then the conductor died
    assert fencing.readmit(HOST, start()) is True
    assert asked(monitor) == [("rm", f"{ADDRESS}:0/0")]


def test_a_host_stays_fenced_while_ceph_does_not_answer(monitor):
    dead_host()
    fencing.fence(HOST)
    incarnation = start()
    (monitor / "refuses").touch()
    with pytest.raises(exception.CephUnavailable):
        fencing.readmit(HOST, incarnation)
    assert db.fences.get_service(HOST)["fence"]["addresses"] == [ADDRESS]


def test_a_host_that_returns_during_its_fence_is_taken_off_at_once(monitor, monkeypatch):
    dead_host()
    add = ceph_client.add_to_blocklist

    def add_and_return(addresses):
        add(addresses)
        start()

    monkeypatch.setattr(ceph_client, "add_to_blocklist", add_and_return)
    with pytest.raises(exception.HostNotFenced):
        fencing.fence(HOST)
    assert [operation for operation, _ in asked(monitor)] == ["add", "rm"]


def test_a_destination_that_was_forced_down_is_fenced(database):
    owner = records.add_service(HOST, forced_down=True)
    records.add_node(HOST)
    other = records.add_service("h2")
    for host, incarnation in ((HOST, owner), ("h2", other)):
        records.add_action(
            records.add_server(), host=host, method="evacuate_instance", owner=incarnation
        )
    fencing.fence_destinations()
    assert is_fenced()
    assert not db.fences.is_fenced(db.fences.get_service("h2"))
    assert db.fences.get_destinations_to_fence() == []


def test_the_program_reports_that_ceph_does_not_answer(database, tmp_path):
    """The real program, with a configuration that does not exist."""
    pytest.importorskip("rados")
    CONF.set_override("fence_ceph_user", "x", group="conductor")
    CONF.set_override("fence_ceph_conf", str(tmp_path / "none"), group="conductor")
    try:
        with pytest.raises(exception.CephUnavailable):
            ceph_client.add_to_blocklist([ADDRESS])
    finally:
        for name in ("fence_ceph_user", "fence_ceph_conf"):
            CONF.clear_override(name, group="conductor")


def test_the_services_of_other_hosts_are_unchanged(database):
    records.add_service("h2", seen=records.LONG_AGO)
    dead_host()
    before = query.one(models.services, models.services.c.host == "h2")
    assert db.fences.begin(HOST, [])
    assert query.one(models.services, models.services.c.host == "h2") == before


def test_the_evacuation_of_a_second_server_waits_until_the_host_is_fenced(monitor):
    dead_host()
    assert db.leases.take(f"fence {HOST}", "the first", 60)
    first = threading.Timer(0.5, lambda: db.leases.take(f"fence {HOST}", "the first", 0))
    first.start()
    fencing.fence(HOST)
    first.join()
    assert is_fenced()


def test_a_fence_does_not_wait_long_for_another_conductor(monitor, monkeypatch):
    dead_host()
    monkeypatch.setattr(fencing, "_PATIENCE", 0.2)
    assert db.leases.take(f"fence {HOST}", "the first", 60)
    with pytest.raises(exception.ActionInterrupted, match="another process fences h1"):
        fencing.fence(HOST)
    assert not is_fenced()
