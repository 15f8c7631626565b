"""The network interfaces of a guest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini import exception
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.trace import traced
from nova_mini.virt.driver.interfaces import Interfaces
from nova_mini.virt.fake.parts import FakeParts, seconds_for_detach

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance
    from nova_mini.objects.network_model import VIF


class FakeInterfaces(FakeParts, Interfaces):
    def attach_interface(
        self, context: RequestContext, instance: Instance, image_meta: ImageMeta, vif: VIF
    ) -> None:
        guest = self._get(instance)
        if vif.id not in guest.vifs:
            guest.vifs.append(vif.id)
            self._guests.save(guest)

    @traced("FakeDriver.detach_interface")
    def detach_interface(self, context: RequestContext, instance: Instance, vif: VIF) -> None:
        guest = self._guests.find(instance.uuid)
        if guest is None or vif.id not in guest.vifs:
            return
        if not self._await_answer(instance, seconds_for_detach()):
            raise exception.InterfaceDetachFailed(instance_uuid=instance.uuid)
        guest.vifs.remove(vif.id)
        self._guests.save(guest)
