"""Servers that are resized and migrated, as their users and administrators see it."""

from __future__ import annotations

import pytest

from tests.functional.harness import oracle
from tests.functional.harness.waiting import until

LARGER = {"name": "larger", "id": "larger", "vcpus": 2, "ram": 128, "disk": 2}


@pytest.fixture(scope="module", autouse=True)
def _flavor(cloud, catalog):
    cloud.admin.post("/flavors", {"flavor": LARGER})


@pytest.fixture
def resized(project) -> str:
    """A server that waits for the confirmation of its resize."""
    server_id = project.boot()
    project.user.act(server_id, "resize", {"flavorRef": "larger"})
    project.user.wait_for(server_id, "VERIFY_RESIZE")
    return server_id


def migrations(cloud, server_id: str) -> list[dict]:
    return cloud.admin.get(f"/os-migrations?instance_uuid={server_id}")["migrations"]


def cores(project) -> int:
    return project.user.get("/limits")["limits"]["absolute"]["totalCoresUsed"]


def flavor_of(project, server_id: str) -> tuple[str, int]:
    flavor = project.user.show(server_id)["flavor"]
    return flavor["original_name"], flavor["vcpus"]


@pytest.mark.parametrize("before", ["ACTIVE", "SHUTOFF"])
def test_resize_and_confirm(cloud, project, before):
    server_id = project.boot()
    source = project.host_of(server_id)
    if before == "SHUTOFF":
        project.user.act(server_id, "os-stop")
        project.user.wait_for(server_id, "SHUTOFF")
    project.user.act(server_id, "resize", {"flavorRef": "larger"})
    project.user.wait_for(server_id, "VERIFY_RESIZE")
    destination = project.host_of(server_id)
    assert destination != source
    assert flavor_of(project, server_id) == ("larger", 2)
    (migration,) = migrations(cloud, server_id)
    assert (migration["status"], migration["migration_type"]) == ("finished", "resize")
    assert (migration["source_compute"], migration["dest_compute"]) == (source, destination)
    assert migration["project_id"] == project.id
    assert migration["old_instance_type_id"] != migration["new_instance_type_id"]
    project.user.act(server_id, "confirmResize", expect=204)
    project.user.wait_for(server_id, before)
    assert project.host_of(server_id) == destination
    assert [each["status"] for each in migrations(cloud, server_id)] == ["confirmed"]
    assert server_id not in cloud.guests(source)
    oracle.assert_clean(cloud)
    assert cores(project) == 2


def test_resize_and_revert(cloud, project, resized):
    (migration,) = migrations(cloud, resized)
    assert cores(project) == 2
    project.user.act(resized, "revertResize")
    project.user.wait_for(resized, "ACTIVE")
    assert project.host_of(resized) == migration["source_compute"]
    assert flavor_of(project, resized) == ("tiny", 1)
    assert [each["status"] for each in migrations(cloud, resized)] == ["reverted"]
    assert resized not in cloud.guests(migration["dest_compute"])
    oracle.assert_clean(cloud)
    assert cores(project) == 1


def test_the_source_keeps_its_part_until_the_end(cloud, project, resized):
    """Both hosts are charged, and the quota counts the larger flavor."""
    (migration,) = migrations(cloud, resized)
    rows = cloud.query(
        "SELECT consumer_uuid, host FROM allocations WHERE consumer_uuid IN (:server, :migration)",
        server=resized,
        migration=migration["uuid"],
    )
    assert {row["consumer_uuid"]: row["host"] for row in rows} == {
        resized: migration["dest_compute"],
        migration["uuid"]: migration["source_compute"],
    }
    project.user.delete(f"/servers/{resized}")
    project.user.wait_gone(resized)
    oracle.assert_clean(cloud)
    assert cores(project) == 0


def test_a_deleted_server_leaves_its_source_at_once(cloud, project, resized):
    """And not with the next search for orphans."""
    (migration,) = migrations(cloud, resized)
    source = migration["source_compute"]
    assert resized in cloud.guests(source)
    project.user.delete(f"/servers/{resized}")
    project.user.wait_gone(resized)
    until("the source has no guest", lambda: resized not in cloud.guests(source), 5)


SWAPS = {"without": 0, "small": 8, "large": 64}


@pytest.fixture(scope="module")
def swaps(cloud, _flavor) -> None:
    for name, size in SWAPS.items():
        body = {"name": name, "id": name, "vcpus": 1, "ram": 64, "disk": 2, "swap": size}
        cloud.admin.post("/flavors", {"flavor": body})


@pytest.mark.parametrize(("before", "after"), [("small", "large"), ("large", "without")])
@pytest.mark.parametrize("end", ["confirmResize", "revertResize"])
@pytest.mark.usefixtures("swaps")
def test_a_resize_changes_the_swap_disk(cloud, project, before, after, end):
    server_id = project.boot(flavorRef=before)
    assert swap_of(cloud, server_id) == SWAPS[before]
    project.user.act(server_id, "resize", {"flavorRef": after})
    project.user.wait_for(server_id, "VERIFY_RESIZE")
    assert swap_of(cloud, server_id) == SWAPS[after]
    project.user.act(server_id, end, expect=204 if end == "confirmResize" else 202)
    project.user.wait_for(server_id, "ACTIVE")
    assert swap_of(cloud, server_id) == SWAPS[after if end == "confirmResize" else before]
    oracle.assert_clean(cloud)


def swap_of(cloud, server_id: str) -> int:
    rows = cloud.query(
        "SELECT volume_size FROM block_device_mapping WHERE instance_uuid = :server "
        "AND guest_format = 'swap'",
        server=server_id,
    )
    return sum(row["volume_size"] for row in rows)


def test_migrate_to_a_chosen_host(cloud, project):
    server_id = project.boot()
    source = project.host_of(server_id)
    (other,) = set(cloud.computes) - {source}
    project.user.act(server_id, "migrate", {"host": other}, expect=403)
    project.admin.act(server_id, "migrate", {"host": source}, expect=400)
    project.admin.act(server_id, "migrate", {"host": other})
    project.user.wait_for(server_id, "VERIFY_RESIZE")
    assert project.host_of(server_id) == other
    assert flavor_of(project, server_id) == ("tiny", 1)
    (migration,) = migrations(cloud, server_id)
    assert (migration["migration_type"], migration["dest_compute"]) == ("migration", other)
    project.user.act(server_id, "confirmResize", expect=204)
    project.user.wait_for(server_id, "ACTIVE")


def test_a_server_that_waits_for_its_confirmation_cannot_be_resized(project, resized):
    body = {"resize": {"flavorRef": "tiny"}}
    path = f"/servers/{resized}/action"
    assert "vm_state resized" in project.user.refusal(409, "POST", path, body)
    assert [
        each["id"] for each in project.user.get("/servers?status=VERIFY_RESIZE")["servers"]
    ] == [resized]
