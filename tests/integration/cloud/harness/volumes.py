"""Volumes of a user, and requests to Cinder as an administrator."""

from __future__ import annotations

from tests.functional.harness.waiting import until
from tests.integration.cloud.harness.cloud import Cloud
from tests.integration.cloud.harness.guest import Guest

SECONDS = 60
ATTACHMENTS = "3.44"  # the microversion of Cinder's own record of who has what


class Volumes:
    """Volumes for one test or file, deleted at its end."""

    def __init__(self, cloud: Cloud):
        self._cloud = cloud
        self._cinder = cloud.of_user.block_storage
        self._made: list[str] = []

    def create(self, volume_type: str = "ceph", size: int = 1, **fields) -> str:
        """Create a volume and wait until it is available. Returns its id."""
        made = self._cinder.create_volume(size=size, volume_type=volume_type, **fields)
        self._made.append(made.id)
        self.wait(made.id, "available")
        return made.id

    def adopt(self, volume_id: str) -> str:
        """Delete this volume, too, at the end."""
        self._made.append(volume_id)
        return volume_id

    def show(self, volume_id: str):
        return self._cinder.get_volume(volume_id)

    def wait(self, volume_id: str, status: str, seconds: float = SECONDS) -> None:
        until(
            f"volume {volume_id} is {status}",
            lambda: self.show(volume_id).status == status,
            seconds,
            0.2,
        )

    def is_gone(self, volume_id: str) -> bool:
        return self._cinder.find_volume(volume_id) is None

    def act(self, volume_id: str, action: dict, *, version: str = ATTACHMENTS, as_admin=False):
        of = self._cloud.of_admin if as_admin else self._cloud.of_user
        path = f"/volumes/{volume_id}/action"
        response = of.block_storage.post(path, json=action, microversion=version)
        assert response.status_code in (200, 202), response.text

    def let_swap(self, volume_id: str) -> None:
        """Mark the volume as migrated, because only a volume that Cinder migrates may be swapped.
        The mark has no other effect."""
        action = {"os-reset_status": {"migration_status": "success"}}
        self.act(volume_id, action, as_admin=True)

    def _free(self, volume_id: str) -> None:
        for each in self.show(volume_id).attachments:
            path = f"/servers/{each['server_id']}/os-volume_attachments/{volume_id}"
            self._cloud.user.request("DELETE", path)
        until(
            f"volume {volume_id} is free",
            lambda: self.show(volume_id).status in ("available", "error"),
            SECONDS,
            0.3,
        )

    def remove(self) -> None:
        """Detach and delete the volumes, also from servers that a failed test has left."""
        for volume_id in self._made:
            if not self.is_gone(volume_id):
                self._free(volume_id)
                self._cinder.delete_volume(volume_id)
        for volume_id in self._made:
            until(
                f"volume {volume_id} is gone",
                lambda volume_id=volume_id: self.is_gone(volume_id),
                SECONDS,
                0.3,
            )
        self._made.clear()


def attachments(cloud: Cloud) -> list[dict]:
    """All attachments of all projects in Cinder."""
    cinder = cloud.of_admin.block_storage
    response = cinder.get("/attachments/detail?all_tenants=1", microversion=ATTACHMENTS)
    return response.json()["attachments"]


def attach(cloud: Cloud, guest: Guest, volume_id: str, **options) -> dict:
    body = {"volumeAttachment": {"volumeId": volume_id, **options}}
    path = f"/servers/{guest.id}/os-volume_attachments"
    return cloud.user.post(path, body, 200)["volumeAttachment"]


def detach(cloud: Cloud, guest: Guest, volume_id: str) -> None:
    path = f"/servers/{guest.id}/os-volume_attachments/{volume_id}"
    response = cloud.user.request("DELETE", path)
    assert response.status_code == 202, response.text


def attached(cloud: Cloud, guest: Guest) -> list[dict]:
    path = f"/servers/{guest.id}/os-volume_attachments"
    return cloud.user.get(path)["volumeAttachments"]


def swap(cloud: Cloud, volumes: Volumes, guest: Guest, old: str, new: str) -> None:
    volumes.let_swap(old)
    path = f"/servers/{guest.id}/os-volume_attachments/{old}"
    body = {"volumeAttachment": {"volumeId": new}}
    response = cloud.admin.request("PUT", path, body)
    assert response.status_code == 202, response.text
