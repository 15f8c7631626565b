"""Who looks after Cinder, which is not unbreakable, while everything around it is broken."""

from __future__ import annotations

import time

from openstack.exceptions import ResourceTimeout

from tests.integration.cloud.harness import node
from tests.integration.cloud.harness.cloud import Cloud

_UNIT = "nova-mini-stack-cinder-volume"
_LOST = 20  # seconds after which Cinder has lost what it was asked for
_ATTEMPTS = 3


class CinderOperator:
    """Cinder loses what it was asked for together with its broker or its database. It goes on with
    a deletion only when it is started again, and with a volume that is to be made, never."""

    def __init__(self, cloud: Cloud):
        self._cloud = cloud
        self._since: dict[str, float] = {}  # when each volume was first seen as it is deleted

    def make_volume(self, name: str) -> str:
        storage = self._cloud.of_user.block_storage
        for _ in range(_ATTEMPTS):
            volume = storage.create_volume(size=1, name=name)
            try:
                return storage.wait_for_status(volume, "available", wait=_LOST, interval=0.3).id
            except ResourceTimeout:
                self._cloud.of_admin.block_storage.delete_volume(volume, force=True)
        raise AssertionError("Cinder makes no volume")

    def deleting(self) -> set[str]:
        """The volumes that Cinder is deleting; it is started again when that takes too long."""
        volumes = self._cloud.of_admin.block_storage.volumes
        now = time.monotonic()
        self._since = {
            volume.id: self._since.get(volume.id, now)
            for volume in volumes(all_projects=True, status="deleting")
        }
        if any(now - since > _LOST for since in self._since.values()):
            self._since = dict.fromkeys(self._since, now)
            node.restart(_UNIT)
        return set(self._since)
