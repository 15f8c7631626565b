"""Backups: which images a rotation deletes, and what a kill at each step leaves."""

from __future__ import annotations

import pytest

from nova_mini import exception
from nova_mini.image import glance as glance_client
from tests.unit.compute.cloud_in_one_process import Killed


@pytest.fixture
def project_images(glance) -> dict:
    return glance.images


def backup(cloud, server, rotation: int, backup_type: str = "daily") -> None:
    cloud.request("backup", server, "b", backup_type, rotation, {})


def backups(images: dict, backup_type: str = "daily") -> list[str]:
    found = [i for i in images.values() if i.get("backup_type") == backup_type]
    assert all(image["status"] == "active" for image in found)
    return [image["id"] for image in found]


def test_the_newest_backups_of_a_type_are_kept(cloud, server, project_images):
    made = []
    for _ in range(3):
        backup(cloud, server, 2)
        made += [image for image in backups(project_images) if image not in made]
    assert backups(project_images) == made[-2:]
    backup(cloud, server, 1, "weekly")
    assert len(backups(project_images)) == 2
    backup(cloud, server, 0)
    assert backups(project_images) == []
    assert len(backups(project_images, "weekly")) == 1


def test_images_of_others_are_not_deleted(cloud, server, project_images):
    backup(cloud, server, 1)
    (own,) = backups(project_images)
    for name, change in {
        "foreign": {"owner": "stranger"},
        "of-another-server": {"instance_uuid": "another"},
        "snapshot": {"image_type": "snapshot"},
    }.items():
        project_images[name] = {**project_images[own], "id": name, **change}
    backup(cloud, server, 1)
    assert {"foreign", "of-another-server", "snapshot"} <= project_images.keys()
    assert own not in project_images


def test_an_old_backup_that_cannot_be_deleted_is_no_failure(
    cloud, server, project_images, monkeypatch
):
    def refuse(self, context, image_id):
        raise exception.ImageNotAuthorized(image_id=image_id)

    backup(cloud, server, 1)
    with monkeypatch.context() as patch:
        patch.setattr(glance_client.API, "delete", refuse)
        backup(cloud, server, 1)
    assert len(backups(project_images)) == 2
    assert cloud.instance(server).task_state is None
    assert cloud.unfinished() == []
    backup(cloud, server, 1)
    assert len(backups(project_images)) == 1


def test_killed_at_every_step_it_is_done(cloud, server, project_images):
    backup(cloud, server, 1)
    cloud.steps.clear()
    backup(cloud, server, 1)
    points = list(dict.fromkeys(cloud.steps))
    points = points[points.index("before ComputeManager.backup_instance") :]
    assert len(points) > 5
    for point in points:
        (before,) = backups(project_images)
        cloud.kill_at(point)
        with pytest.raises(Killed):
            backup(cloud, server, 1)
        cloud.recover()
        assert cloud.instance(server).task_state is None, point
        (after,) = backups(project_images)
        assert after != before, point
        assert cloud.unfinished() == []
