"""Images that are made from guests, and the cache of those that guests are made from."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nova_mini.trace import traced
from nova_mini.virt.driver.images import Images
from nova_mini.virt.libvirt import blockinfo, disks, snapshot
from nova_mini.virt.libvirt.driver.parts import DriverParts

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance


class LibvirtImages(DriverParts, Images):
    @traced("LibvirtDriver.snapshot")
    def snapshot(
        self,
        context: RequestContext,
        instance: Instance,
        image_id: str,
        update_task_state: Callable[..., None],
    ) -> None:
        guest = self._host.get_guest(instance)
        disk = self.image_backend.by_name(instance, blockinfo.LOCAL_ROOT)
        snapshot.take(context, self._image_api, instance, guest, disk, image_id, update_task_state)

    def cache_image(self, context: RequestContext, image_id: str, max_size: int = 0) -> bool:
        return disks.cache_image(context, self._image_api, self.image_backend, image_id, max_size)

    def manage_image_cache(self, context: RequestContext, used_images: set[str]) -> None:
        self.image_cache_manager.update(used_images)

    @traced("LibvirtDriver.discard_copy")
    def discard_copy(self, context: RequestContext, image_id: str, base_image_id: str) -> None:
        self.image_backend.discard_copy(context, self._image_api, image_id, base_image_id)
