"""Start a guest from a rescue disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini.objects.image_meta import ImageMeta
from nova_mini.states import power_state
from nova_mini.trace import traced
from nova_mini.virt.driver.rescue import Rescue
from nova_mini.virt.fake.parts import FakeParts

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance
    from nova_mini.objects.network_model import NetworkInfo
    from nova_mini.virt.block_device_info import BlockDeviceInfo


class FakeRescue(FakeParts, Rescue):
    @traced("FakeDriver.rescue")
    def rescue(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        rescue_image: ImageMeta,
        admin_password: str | None,
        block_device_info: BlockDeviceInfo,
    ) -> None:
        self._delay(instance, "rescue")
        guest = self._get_or_define(instance)
        guest.rescue_image, guest.is_rescued = rescue_image.id, True
        self._change(guest, power_state.RUNNING, "rescue")

    @traced("FakeDriver.unrescue")
    def unrescue(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo,
    ) -> None:
        self._delay(instance, "unrescue")
        guest = self._get_or_define(instance)
        guest.is_rescued = False
        self._change(guest, power_state.RUNNING, "unrescue")
        self.remove_rescue_disks(instance)

    @traced("FakeDriver.remove_rescue_disks")
    def remove_rescue_disks(self, instance: Instance) -> None:
        guest = self._guests.find(instance.uuid)
        if guest and guest.rescue_image:
            guest.rescue_image, guest.is_rescued = None, False
            self._guests.save(guest)

    def list_unused_rescue_disks(self) -> set[str]:
        return {
            guest.uuid
            for guest in self._guests.all()
            if guest.rescue_image and not guest.is_rescued
        }
