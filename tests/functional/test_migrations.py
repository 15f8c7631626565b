"""The lists of migrations, on a real database."""

from __future__ import annotations

import json
import uuid

import pytest

from tests.servers import make_flavor

_ROW = {
    "migration_type": "resize",
    "status": "reverted",  # ended: the ledger and the quota do not count it
    "source_compute": "c1",
    "source_node": "c1",
    "dest_compute": "c2",
    "dest_node": "c2",
    "dest_host": "192.0.2.2",
    "user_id": "ursula",
    "project_id": "a-project",
    "old_flavor": json.dumps(make_flavor().as_dict()),
    "new_flavor": json.dumps(make_flavor(id=2).as_dict()),
    "old_vm_state": "active",
    "vcpus": 1,
    "memory_mb": 64,
}


@pytest.fixture
def add(cloud):
    """``add(server_id, **columns)`` inserts a migration and returns its UUID."""
    added = []

    def insert(server_id: str, **columns) -> str:
        row = {**_ROW, **columns, "uuid": str(uuid.uuid4()), "instance_uuid": server_id}
        added.append(row["uuid"])
        names, values = ", ".join(row), ", ".join(f":{name}" for name in row)
        cloud.damage(
            f"INSERT INTO migrations (created_at, {names}) VALUES (NOW(6), {values})", **row
        )
        return row["uuid"]

    yield insert
    for each in added:
        cloud.damage("DELETE FROM migrations WHERE uuid = :uuid", uuid=each)


def _pages(cloud, query: str) -> list[list[str]]:
    """The UUIDs of each page, by the links."""
    pages, path = [], f"/os-migrations?{query}"
    while path:
        page = cloud.admin.get(path)
        pages.append([each["uuid"] for each in page["migrations"]])
        links = page.get("migrations_links", [])
        path = links[0]["href"].partition("/v2.1")[2] if links else None
    return pages


def test_pages_of_migrations(cloud, add):
    server_id = str(uuid.uuid4())
    first, second, third = (add(server_id) for _ in range(3))
    add(str(uuid.uuid4()))
    pages = _pages(cloud, f"instance_uuid={server_id}&limit=2")
    assert pages == [[third, second], [first]]


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("host=c2", True),
        ("host=C2", False),
        ("source_compute=c1", True),
        ("source_compute=c2", False),
        ("status=reverted&migration_type=resize", True),
        ("status=error", False),
        ("user_id=ursula&project_id=a-project", True),
        ("user_id=ursula%20", False),
        ("changes-since=2020-01-01T00:00:00Z", True),
        ("changes-before=2020-01-01T00:00:00Z", False),
    ],
)
def test_filters_of_migrations(cloud, add, query, is_found):
    server_id = str(uuid.uuid4())
    migration_id = add(server_id)
    pages = _pages(cloud, f"instance_uuid={server_id}&{query}")
    assert pages == [[migration_id] if is_found else []]


def test_live_migration_of_a_server(cloud, project, add):
    server_id = project.boot()
    progress = {"memory_total": 2**40, "memory_processed": 2**39, "memory_remaining": 2**39}
    live = {"migration_type": "live-migration", "status": "running"}
    uuid_ = add(server_id, **live, **progress)
    add(server_id, migration_type="live-migration", status="error")
    path = f"/servers/{server_id}/migrations"
    (listed,) = cloud.admin.get(path)["migrations"]
    assert listed["uuid"] == uuid_
    assert {name: listed[f"{name}_bytes"] for name in progress} == progress
    assert cloud.admin.get(f"{path}/{listed['id']}")["migration"] == listed
    (shown,) = cloud.admin.get(f"/os-migrations?instance_uuid={server_id}&status=running")[
        "migrations"
    ]
    assert shown["links"][0]["href"].endswith(f"{path}/{listed['id']}")
    project.user.get(path, expect=403)
    cloud.damage("UPDATE migrations SET status = 'error' WHERE uuid = :uuid", uuid=uuid_)
    assert cloud.admin.get(path)["migrations"] == []
    cloud.admin.get(f"{path}/{listed['id']}", expect=404)
