"""Disks in storage that several hosts use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oslo_log import log as logging

from nova_mini.virt.driver.shared_disks import SharedDisks
from nova_mini.virt.libvirt import blockinfo
from nova_mini.virt.libvirt.driver.parts import DriverParts

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance

LOG = logging.getLogger(__name__)


class LibvirtSharedDisks(DriverParts, SharedDisks):
    def has_shared_disks(self, instance: Instance) -> bool:
        if not self.image_backend.is_shared or instance.is_volume_backed:
            return self.image_backend.is_shared
        return self.image_backend.by_name(instance, blockinfo.LOCAL_ROOT).exists()

    def list_shared_disk_owners(self) -> set[str]:
        return self.image_backend.list_shared_owners()

    def destroy_shared_disks(self, instance_uuid: str) -> None:
        self.image_backend.remove_disks(instance_uuid)

    def clean_shared_disks(self, instance_uuids: set[str]) -> None:
        for uuid, names in self.image_backend.list_interrupted().items():
            if uuid in instance_uuids:
                for name in names:
                    LOG.info("Instance %s: removing unfinished disk %s", uuid, name)
                    self.image_backend.remove_interrupted(name)
