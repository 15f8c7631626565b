"""Create a guest with its disks, and remove it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from nova_mini import exception
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.network_model import NetworkInfo
from nova_mini.trace import traced
from nova_mini.virt.driver.creation import Creation
from nova_mini.virt.libvirt import blockinfo, disks, utils, vtpm_state
from nova_mini.virt.libvirt.driver.domains import Domains

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.block_device_info import BlockDeviceInfo

# Errors that every other host would have, too.
_NON_RETRYABLE = (exception.Invalid, exception.ImageNotFound, exception.ImageNotAuthorized)


class LibvirtCreation(Domains, Creation):
    @traced("LibvirtDriver.spawn")
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
        network_info = NetworkInfo() if network_info is None else network_info
        injection_info = disks.InjectionInfo(network_info, injected_files, admin_password)
        block_device_info = block_device_info or blockinfo.disks_of_flavor(instance)
        try:
            disk_info = self._get_disk_info(instance, image_meta, block_device_info)
            self._create_image(
                context,
                instance,
                image_meta.id,
                disk_info,
                injection_info,
                block_device_info,
                fallback_from_host,
            )
            connected = self._volumes.connect_all(context, instance, disk_info, block_device_info)
            xml = self._get_guest_xml(instance, network_info, disk_info, image_meta, connected)
        except _NON_RETRYABLE as exc:
            raise exception.BuildAbortException(
                instance_uuid=instance.uuid, reason=exc.format_message()
            ) from exc
        starts = self._tpms.unlocked(context, instance) if power_on else contextlib.nullcontext()
        with starts:
            guest = self._create_domain_and_network(instance, xml, network_info, power_on)
        if power_on:
            self._wait_for_boot(guest)

    @traced("LibvirtDriver.destroy")
    def destroy(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo | None = None,
        block_device_info: BlockDeviceInfo | None = None,
        destroy_disks: bool = True,
    ) -> None:
        network_info = NetworkInfo() if network_info is None else network_info
        guest = self._host.find_guest(instance)
        if guest:
            guest.poweroff()
            guest.delete_configuration()
        self._serial_ports.release(instance.uuid)
        self.unplug_vifs(instance, network_info)
        self.firewall_driver.unfilter_instance(instance, network_info)
        self._volumes.disconnect_all(instance, block_device_info)
        self._tpms.forget(instance.uuid)
        if destroy_disks:
            self._remove_disks(instance)

    @traced("LibvirtDriver._remove_disks")
    def _remove_disks(self, instance) -> None:
        """Disks in shared storage are removed only if the server is deleted or on this host: if it
        was moved to another host, they belong to that host."""
        is_owner = instance.deleted or instance.host == self._hostname
        if is_owner or not self.image_backend.is_shared:
            self.image_backend.remove_disks(instance.uuid)
        vtpm_state.remove(instance.uuid)
        utils.delete_instance_files(instance)
