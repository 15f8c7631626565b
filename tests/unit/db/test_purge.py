"""The purge removes all rows of servers that were deleted long ago, and no others."""

from __future__ import annotations

import datetime

import pytest
import sqlalchemy as sa

from nova_mini.conductor.housekeeping import Housekeeper
from nova_mini.db import instance_tags, models, purge, query, request_specs
from tests.unit.db import records
from tests.unit.db.records import LONG_AGO, NOW, REQUESTED

pytestmark = pytest.mark.usefixtures("database")

# The columns with the UUID of the server that a row belongs to.
_OWNERS = ("instance_uuid", "consumer_uuid", "resource_id")


def _deleted(at: datetime.datetime = LONG_AGO, **columns) -> str:
    """A deleted server with a row in every table that has rows of servers."""
    uuid = records.add_server(deleted=True, deleted_at=at, vm_state="deleted", **columns)
    action = records.add_action(uuid, finish_time=LONG_AGO)
    event = {"action_id": action, "event": "e", "start_time": LONG_AGO}
    query.insert(models.instance_actions_events, event)
    query.insert(models.instance_faults, {"instance_uuid": uuid, "code": 500})
    request_specs.create_many({uuid: REQUESTED})
    instance_tags.set_tags(uuid, ["old"])
    disk = {
        "uuid": f"disk{uuid[4:]}",
        "instance_uuid": uuid,
        "source_type": "blank",
        "destination_type": "local",
    }
    query.insert(models.block_device_mapping, disk)
    token = {
        "token_hash": uuid,
        "instance_uuid": uuid,
        "action_id": action,
        "console_type": "serial",
        "compute_host": "h1",
        "host": "h1",
        "port": 1,
        "access_url_base": "ws://h1/",
        "expires_at": LONG_AGO,
    }
    query.insert(models.console_tokens, token)
    return uuid


def _counts() -> dict[str, int]:
    """The number of rows of each table that has any."""
    with query.reader() as connection:
        found = {
            name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for name, table in models.metadata.tables.items()
        }
    return {name: count for name, count in found.items() if count}


def _left() -> set[str]:
    return {row["uuid"] for row in query.many(models.instances)}


def test_all_rows_of_a_server_are_removed():
    before = _counts()
    _deleted()
    assert len(_counts()) == 8
    assert list(purge.purge(NOW)) == [1]
    assert _counts() == before


def test_every_table_with_rows_of_servers_is_purged():
    """Or a server that has a row in the table is kept."""
    named = {
        column
        for table in models.metadata.tables.values()
        for column in table.c
        if column.name in _OWNERS
    }
    by_actions = models.instance_actions.c.instance_uuid
    kept_for = models.allocations.c.consumer_uuid
    assert named == {*purge.OF_A_SERVER, by_actions, kept_for}


def test_servers_in_use_young_or_on_unseen_hosts_are_kept():
    records.add_node()
    records.add_service("h1", seen=LONG_AGO + datetime.timedelta(seconds=1))
    records.add_service("away", seen=LONG_AGO - datetime.timedelta(seconds=1))
    gone = _deleted()
    holding, busy, at_away, launched_away = (
        _deleted(),
        _deleted(),
        _deleted(host="away"),
        _deleted(launched_on="away"),
    )
    records.allocate(holding)
    records.add_action(busy)
    young, living = _deleted(NOW), records.add_server()
    assert purge.count(NOW) == 1
    assert list(purge.purge(NOW)) == [1]
    assert _left() == {holding, busy, at_away, launched_away, young, living}
    assert gone not in _left()


def test_an_interrupted_purge_removes_no_server_partially():
    for _ in range(5):
        _deleted()
    transactions = purge.purge(NOW, batch=2)
    assert next(transactions) == 2
    del transactions
    counts = _counts()
    assert counts["instances"] == counts["instance_faults"] == counts["tags"] == 3
    assert list(purge.purge(NOW, batch=2)) == [2, 1]


def test_the_oldest_servers_are_removed_first():
    newer, older = _deleted(LONG_AGO + datetime.timedelta(days=1)), _deleted()
    assert next(purge.purge(NOW, batch=1)) == 1
    assert older not in _left() and newer in _left()


@pytest.mark.parametrize(("days", "left"), [(0, 2), (30, 1)])
def test_a_conductor_purges_if_it_is_configured(override, days, left):
    """0, the default, disables the purge."""
    override("purge_deleted_days", days, "conductor")
    _deleted()
    _deleted(query.now() - datetime.timedelta(days=29))
    Housekeeper("owner").purge()
    assert len(_left()) == left


def test_one_conductor_at_a_time_purges(override):
    override("purge_deleted_days", 1, "conductor")
    Housekeeper("first").purge()
    _deleted()
    Housekeeper("second").purge()
    assert len(_left()) == 1
    Housekeeper("first").purge()
    assert _left() == set()
