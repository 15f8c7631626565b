"""Servers that ask for it are evacuated when a witness agrees that their host is dead."""

from __future__ import annotations

import contextlib
import json
import pathlib
import socket
from collections.abc import Iterator

import pytest

from nova_mini import db
from nova_mini.conductor import witnesses
from nova_mini.conductor.automatic_evacuation import KEY, AutomaticEvacuation
from nova_mini.conf import CONF
from nova_mini.db import models, query
from tests.unit.conductor.test_fencing import ADDRESS, monitor  # noqa: F401
from tests.unit.db import records

HOST = "h1"
AGGREGATE = "aaaaaaaa-0000-4000-8000-000000000001"
YES = {KEY: "true"}


@contextlib.contextmanager
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@contextlib.contextmanager
def silent() -> Iterator[int]:
    """A port that answers nothing: the queue of its connections is full."""
    with socket.socket() as server, contextlib.ExitStack() as clients:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(3):
            client = clients.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield server.getsockname()[1]


@pytest.fixture
def dead(database, bus, monkeypatch):
    """A host that is silent: its heartbeats are missing, and the probe has no answer."""
    monkeypatch.setattr(witnesses, "_PROBE_SECONDS", 0.3)
    records.add_service("control", topic="conductor", binary="nova-mini-conductor")
    add_host(HOST)
    CONF.set_override("evacuate_after", 60, group="conductor")
    with silent() as port:
        CONF.set_override("witness_port", port, group="conductor")
        yield
    for name in ("evacuate_after", "witness_port", "max_evacuating_hosts"):
        CONF.clear_override(name, group="conductor")


def add_host(host: str, **columns) -> None:
    records.add_node(host, host_ip="127.0.0.1")
    records.add_service(host, seen=records.LONG_AGO, version=4, **columns)


def add_server(host: str = HOST, **columns) -> str:
    columns = {"metadata": YES, "launched_at": records.LONG_AGO, "node": host, **columns}
    return records.add_server(host=host, **columns)


def run() -> None:
    AutomaticEvacuation("conductor").run()


def evacuated() -> set[str]:
    return {row["instance_uuid"] for row in db.server_migrations.get_page({})}


def test_a_server_that_asks_for_it_is_evacuated(dead, bus):
    asking = add_server()
    add_server(metadata={})
    run()
    assert evacuated() == {asking}
    assert records.server(asking)["task_state"] == "rebuilding"
    assert [method for _, method, _ in bus.casts] == ["evacuate_server"]


def test_nothing_is_evacuated_twice(dead):
    asking = add_server()
    run()
    run()
    assert len(db.server_migrations.get_page({"instance_uuid": asking})) == 1


def test_it_is_off_by_default(dead):
    CONF.clear_override("evacuate_after", group="conductor")
    add_server()
    run()
    assert evacuated() == set()


@pytest.mark.parametrize(
    ("of_aggregate", "own", "expected"),
    [("true", None, True), ("false", None, False), ("true", "false", False), (None, "yes", True)],
)
def test_the_word_of_the_server_is_stronger_than_that_of_its_aggregate(
    dead, of_aggregate, own, expected
):
    aggregate = db.aggregates.create(AGGREGATE, "a", {KEY: of_aggregate} if of_aggregate else {})
    db.aggregates.add_host(aggregate["id"], HOST)
    add_server(metadata={KEY: own} if own else {})
    run()
    assert bool(evacuated()) is expected


@pytest.mark.parametrize(
    "columns",
    [
        {"vm_state": "paused"},
        {"vm_state": "shelved"},
        {"task_state": "deleting"},
        {"launched_at": None},
    ],
    ids=str,
)
def test_servers_in_other_states_stay(dead, columns):
    add_server(**columns)
    run()
    assert evacuated() == set()


def test_a_host_that_was_seen_lately_keeps_its_servers(dead):
    CONF.set_override("evacuate_after", 10**9, group="conductor")
    add_server()
    run()
    assert evacuated() == set()


def test_a_host_that_answers_keeps_its_servers(dead):
    add_server()
    with listening() as port:
        CONF.set_override("witness_port", port, group="conductor")
        run()
    assert evacuated() == set()


def test_a_refused_connection_is_a_sign_of_life(dead):
    add_server()
    with listening() as port:
        pass
    CONF.set_override("witness_port", port, group="conductor")
    run()
    assert evacuated() == set()


def test_without_a_witness_nothing_is_evacuated(dead):
    CONF.set_override("witness_port", 0, group="conductor")
    add_server()
    run()
    assert evacuated() == set()


def test_more_silent_hosts_than_allowed_are_a_broken_switch(dead, caplog):
    add_host("h2")
    add_server()
    add_server("h2")
    run()
    assert evacuated() == set()
    assert "max_evacuating_hosts is 1: h1, h2" in caplog.text
    CONF.set_override("max_evacuating_hosts", 2, group="conductor")
    run()
    assert len(evacuated()) == 2


def test_a_host_that_is_being_evacuated_counts(dead):
    records.add_migration(
        records.add_server(host="h2"),
        migration_type="evacuation",
        status="pre-migrating",
        source_compute="h2",
    )
    asking = add_server()
    run()
    assert asking not in evacuated()


def test_a_refused_evacuation_is_repeated_when_the_host_was_seen_again(dead):
    asking = add_server()
    run()
    (migration,) = db.server_migrations.get_page({})
    db.server_migrations.update(migration["uuid"], {"status": "error"})
    db.actions.supersede(asking)
    instances = models.instances
    query.update(instances, {"task_state": None}, instances.c.uuid == asking)
    run()
    assert len(db.server_migrations.get_page({})) == 1
    migrations = models.migrations
    query.update(migrations, {"created_at": records.LONG_AGO.replace(year=2020)})
    run()
    assert len(db.server_migrations.get_page({})) == 2


# -- Ceph as a witness ---------------------------------------------------------------------------


def ask_ceph(monitor: pathlib.Path, clients: list[str], port: int = 0) -> bool:  # noqa: F811
    (monitor / "clients").write_text(json.dumps(clients))
    CONF.set_override("witness_port", port, group="conductor")
    node = {
        "host": HOST,
        "host_ip": "127.0.0.1",
        "disk_pool": "rbd:fsid/vms",
        "ceph_addresses": [ADDRESS],
    }
    try:
        return witnesses.agree(node, ["uuid"])
    finally:
        CONF.clear_override("witness_port", group="conductor")


@pytest.mark.parametrize(
    ("clients", "dead"),
    [
        ([], True),
        ([f"{ADDRESS}:0/123"], False),
        ([f"v1:{ADDRESS}:0/123"], False),
        (["192.0.2.70:0/5"], True),
    ],
)
def test_a_host_with_disks_open_lives(monitor, clients, dead):  # noqa: F811
    assert ask_ceph(monitor, clients) is dead
    request = json.loads((monitor / "asked").read_text())
    assert (request["pool"], request["images"]) == ("vms", ["uuid_disk"])


def test_a_sign_of_life_outweighs_ceph(monitor):  # noqa: F811
    with listening() as port:
        assert ask_ceph(monitor, [], port) is False


def test_a_ceph_that_does_not_answer_is_no_witness(monitor):  # noqa: F811
    (monitor / "refuses").touch()
    assert ask_ceph(monitor, []) is False
