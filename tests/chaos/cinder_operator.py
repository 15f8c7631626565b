"""Repairs Cinder, which does not recover from all faults by itself."""

from __future__ import annotations

import time

from openstack.exceptions import ResourceTimeout

from tests.functional.harness.waiting import until
from tests.integration.cloud.harness.cloud import Cloud

_UNIT = "nova-mini-stack-cinder-volume"
_LOST = 20  # seconds after which Cinder has lost a request
_BACK_SECONDS = 90  # in which it continues after a restart
_ATTEMPTS = 3


class CinderOperator:
    """Cinder loses requests when its broker or its database is killed. After a restart it continues
    to delete volumes, but not to create them."""

    def __init__(self, cloud: Cloud):
        self._cloud = cloud
        self._since: dict[str, float] = {}  # when each volume was first seen in status deleting

    def make_volume(self, name: str, metadata: dict[str, str]) -> str:
        storage = self._cloud.of_user.block_storage
        for _ in range(_ATTEMPTS):
            volume = storage.create_volume(size=1, name=name, metadata=metadata)
            try:
                return storage.wait_for_status(volume, "available", wait=_LOST, interval=0.3).id
            except ResourceTimeout:
                self.remove(volume.id)
        raise AssertionError("Cinder does not create a volume")

    def remove(self, volume_id: str) -> None:
        """Delete a volume in any state, and wait until it is deleted. No server may use it."""
        storage = self._cloud.of_admin.block_storage
        storage.delete_volume(volume_id, force=True)

        def gone() -> bool:
            self.deleting()
            return all(volume.id != volume_id for volume in storage.volumes(all_projects=True))

        until(f"volume {volume_id} is gone", gone, _BACK_SECONDS, 0.3)

    def deleting(self) -> set[str]:
        """The volumes that Cinder is deleting. Restarts Cinder when that takes too long."""
        volumes = self._cloud.of_admin.block_storage.volumes
        now = time.monotonic()
        self._since = {
            volume.id: self._since.get(volume.id, now)
            for volume in volumes(all_projects=True, status="deleting")
        }
        if any(now - since > _LOST for since in self._since.values()):
            self._since = dict.fromkeys(self._since, now)
            self._cloud.machines[0].restart(_UNIT)
        return set(self._since)
