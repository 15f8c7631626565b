"""Servers that were soft-deleted long ago are deleted."""

from __future__ import annotations

import datetime

import pytest

from nova_mini import db
from nova_mini.clock import utcnow
from nova_mini.conductor import reclaimed_servers
from nova_mini.conductor.reclaimed_servers import ReclaimedServers
from tests.unit.db import records

LONG_AGO = datetime.datetime(2020, 1, 1)


@pytest.fixture
def reclaimer(database, bus) -> ReclaimedServers:
    return ReclaimedServers("incarnation")


def test_a_server_is_deleted_at_its_host(reclaimer, override):
    override("reclaim_instance_interval", 3600)
    uuid = records.add_server(vm_state="soft-delete", host="h2", deleted_at=LONG_AGO)
    reclaimer.reclaim()
    (action,) = db.actions.get_unfinished_of_instance(uuid)
    assert (action["action"], action["method"]) == ("delete", "terminate_instance")
    assert action["host"] == "h2"
    assert db.instances.get_by_uuid(uuid)["task_state"] == "deleting"
    reclaimer.reclaim()
    assert len(db.actions.get_unfinished_of_instance(uuid)) == 1


@pytest.mark.parametrize(
    ("interval", "server"),
    [
        (0, {"vm_state": "soft-delete", "deleted_at": LONG_AGO}),
        (3600, {"vm_state": "soft-delete", "deleted_at": utcnow()}),
        (3600, {"vm_state": "soft-delete", "deleted_at": LONG_AGO, "task_state": "restoring"}),
        (3600, {"vm_state": "active", "deleted_at": LONG_AGO}),
        (3600, {"vm_state": "deleted", "deleted_at": LONG_AGO, "deleted": True}),
    ],
)
def test_another_server_is_left_alone(reclaimer, override, interval, server):
    override("reclaim_instance_interval", interval)
    uuid = records.add_server(**server)
    reclaimer.reclaim()
    assert db.actions.get_unfinished_of_instance(uuid) == []


@pytest.mark.parametrize(("interval", "pause"), [(0, 60), (5, 5), (86400, 60)])
def test_a_short_interval_is_kept(override, interval, pause):
    override("reclaim_instance_interval", interval)
    assert reclaimed_servers.interval() == pause
