"""nova-mini-manage db purge on a real database while the services run."""

from __future__ import annotations

import datetime

import pytest

from tests.functional.harness import oracle

_TABLES = {
    "instances": "uuid",
    "instance_actions": "instance_uuid",
    "instance_faults": "instance_uuid",
    "block_device_mapping": "instance_uuid",
    "request_specs": "instance_uuid",
    "tags": "resource_id",
}
_PURGED, _NONE, _USAGE = 0, 3, 2


def _tomorrow() -> str:
    return (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)).isoformat()


def _rows(cloud, server_id: str) -> dict[str, int]:
    """{table: number of rows of the server}, without tables that have none."""
    found = {}
    for table, column in _TABLES.items():
        statement = f"SELECT COUNT(*) AS n FROM {table} WHERE {column} = :uuid"
        found[table] = cloud.query(statement, uuid=server_id)[0]["n"]
    return {table: count for table, count in found.items() if count}


def test_deleted_servers_are_purged_and_living_ones_stay(cloud, project):
    gone, living = project.boot(), project.boot()
    project.user.delete(f"/servers/{gone}")
    project.user.wait_gone(gone)
    oracle.assert_clean(cloud)
    assert set(_rows(cloud, gone)) == {"instances", "instance_actions"}
    events = cloud.query("SELECT COUNT(*) AS n FROM instance_actions_events")[0]["n"]
    dry = cloud.manage("db", "purge", "--before", _tomorrow(), "--dry-run")
    assert dry.returncode == _PURGED and set(_rows(cloud, gone)) == {
        "instances",
        "instance_actions",
    }
    assert cloud.manage("db", "purge", "--before", _tomorrow()).returncode == _PURGED
    assert _rows(cloud, gone) == {}
    assert cloud.query("SELECT COUNT(*) AS n FROM instance_actions_events")[0]["n"] < events
    assert cloud.admin.request("GET", f"/servers/{gone}").status_code == 404
    assert project.user.show(living)["status"] == "ACTIVE"
    assert cloud.manage("db", "purge", "--before", _tomorrow()).returncode == _NONE


@pytest.mark.parametrize("words", [(), ("--before", "yesterday")])
def test_a_purge_without_a_time_is_refused(cloud, words):
    assert cloud.manage("db", "purge", *words).returncode == _USAGE


def test_a_server_whose_host_is_away_stays(cloud, project):
    """The host may return with the guest, and then needs the record of the deleted server."""
    server_id = project.boot()
    host = project.host_of(server_id)
    cloud.computes[host].kill()
    project.user.delete(f"/servers/{server_id}")
    project.user.wait_gone(server_id, 60)
    cloud.manage("db", "purge", "--before", _tomorrow())
    assert "instances" in _rows(cloud, server_id)
    cloud.repair()
    oracle.assert_clean(cloud)
