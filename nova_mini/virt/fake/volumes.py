"""The volumes of a guest: attach, detach, swap, extend."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.trace import traced
from nova_mini.virt.driver.volumes import Volumes
from nova_mini.virt.fake.parts import FakeParts, seconds_for_detach, volume_id

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance
    from nova_mini.volume.connection_info import ConnectionInfo


class FakeVolumes(FakeParts, Volumes):
    def get_volume_connector(self, instance: Instance) -> dict[str, Any]:
        return {
            "host": self._host,
            "ip": CONF.my_ip,
            "initiator": f"iqn.2010-10.org.openstack:{self._host}",
            "multipath": False,
            "os_type": "linux",
            "platform": "x86_64",
        }

    @traced("FakeDriver.attach_volume")
    def attach_volume(
        self,
        context: RequestContext,
        connection_info: ConnectionInfo,
        instance: Instance,
        mountpoint: str,
        disk_bus: str | None = None,
        device_type: str | None = None,
    ) -> None:
        guest = self._get(instance)
        guest.volumes[mountpoint] = volume_id(connection_info)
        self._guests.save(guest)

    @traced("FakeDriver.detach_volume")
    def detach_volume(
        self,
        context: RequestContext,
        connection_info: ConnectionInfo,
        instance: Instance,
        mountpoint: str,
    ) -> None:
        guest = self._guests.find(instance.uuid)
        if guest is None or mountpoint not in guest.volumes:
            return
        if not self._await_answer(instance, seconds_for_detach()):
            raise exception.DeviceDetachFailed(
                device=mountpoint, reason="the guest does not release it"
            )
        del guest.volumes[mountpoint]
        self._guests.save(guest)

    @traced("FakeDriver.swap_volume")
    def swap_volume(
        self,
        context: RequestContext,
        old_connection_info: ConnectionInfo | None,
        new_connection_info: ConnectionInfo,
        instance: Instance,
        mountpoint: str,
        *,
        is_larger: bool,
        commit: Callable[[], None] | None,
    ) -> None:
        if commit:
            commit()
        guest = self._get(instance)
        guest.volumes[mountpoint] = volume_id(new_connection_info)
        self._guests.save(guest)

    @traced("FakeDriver.give_up_swap")
    def undo_swap_volume(
        self,
        context: RequestContext,
        new_connection_info: ConnectionInfo,
        instance: Instance,
        mountpoint: str,
    ) -> None:
        pass

    def extend_volume(
        self,
        context: RequestContext,
        connection_info: ConnectionInfo,
        instance: Instance,
        mountpoint: str,
        size: int,
    ) -> None:
        self._get(instance).log(f"volume {volume_id(connection_info)} has {size} GiB")
