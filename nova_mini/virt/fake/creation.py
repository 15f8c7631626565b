"""Create a guest, and remove it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.states import power_state
from nova_mini.trace import traced
from nova_mini.virt.driver.creation import Creation
from nova_mini.virt.fake.guests import FakeGuest
from nova_mini.virt.fake.metadata import FAIL_SPAWN_ON, LOCAL_DISK, SPAWN_SECONDS, requested
from nova_mini.virt.fake.parts import FakeParts, sleep, volume_id

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance
    from nova_mini.objects.network_model import NetworkInfo
    from nova_mini.virt.block_device_info import BlockDeviceInfo


class FakeCreation(FakeParts, Creation):
    @traced("FakeDriver.spawn")
    def spawn(
        self,
        context: RequestContext,
        instance: Instance,
        image_meta: ImageMeta,
        injected_files: list[tuple[str, bytes]],
        admin_password: str | None,
        network_info: NetworkInfo | None = None,
        block_device_info: BlockDeviceInfo | None = None,
        power_on: bool = True,
        fallback_from_host: str | None = None,
    ) -> None:
        sleep(float(requested(instance, SPAWN_SECONDS) or CONF.fake.spawn_delay))
        self._fail_if_requested(instance)
        image_id = image_meta.id if image_meta else None
        self._define(instance, image_id, network_info, block_device_info, power_on)

    def _define(
        self,
        instance: Instance,
        image_id: str | None,
        network_info: NetworkInfo | None,
        block_device_info: BlockDeviceInfo | None,
        power_on: bool,
    ) -> None:
        volumes = block_device_info.volumes if block_device_info else ()
        guest = FakeGuest(
            instance.uuid,
            state=power_state.RUNNING if power_on else power_state.SHUTDOWN,
            vifs=[vif.id for vif in network_info or []],
            volumes={disk.device_name: volume_id(disk.connection_info) for disk in volumes},
            image=image_id,
            numa=instance.numa_topology,
        )
        guest.log(f"defined with {len(guest.vifs)} network interfaces")
        guest.log(f"volumes: {' '.join(guest.volumes) or 'none'}")
        if power_on:
            guest.log(f"{instance.hostname} booted")
        if LOCAL_DISK in instance.metadata:
            self._guests.write_disk(instance.uuid, f"data of {instance.uuid}")
        self._guests.save(guest)

    def _fail_if_requested(self, instance) -> None:
        """Lets users of a fake cloud test how their code handles failures."""
        hosts = (requested(instance, FAIL_SPAWN_ON) or "").split()
        if self._host in hosts or "*" in hosts:
            raise exception.HypervisorError(reason=f"{FAIL_SPAWN_ON} names {self._host}")

    @traced("FakeDriver.destroy")
    def destroy(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo | None = None,
        block_device_info: BlockDeviceInfo | None = None,
        destroy_disks: bool = True,
    ) -> None:
        self._remove(instance.uuid)
