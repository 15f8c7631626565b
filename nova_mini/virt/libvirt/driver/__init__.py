"""The libvirt driver: the order of the steps of each operation, in a module for each subject, as in
:mod:`nova_mini.virt.driver`. The other modules of ``virt/libvirt`` implement the steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.image import glance
from nova_mini.keymgr.passphrases import Passphrases
from nova_mini.virt.driver import ComputeDriver
from nova_mini.virt.driver.host_information import HostResources
from nova_mini.virt.driver.power_states import InstanceInfo
from nova_mini.virt.libvirt import (
    disk_places,
    events,
    firewall,
    imagecache,
    injection,
    resources,
    snapshot,
    utils,
    vtpm,
)
from nova_mini.virt.libvirt.driver.guest_access import LibvirtGuestAccess
from nova_mini.virt.libvirt.driver.images import LibvirtImages
from nova_mini.virt.libvirt.driver.interfaces import LibvirtInterfaces
from nova_mini.virt.libvirt.driver.live_migration import LibvirtLiveMigration
from nova_mini.virt.libvirt.driver.moves import LibvirtMoves
from nova_mini.virt.libvirt.driver.rescue import LibvirtRescue
from nova_mini.virt.libvirt.driver.shared_disks import LibvirtSharedDisks
from nova_mini.virt.libvirt.driver.volumes import LibvirtVolumes
from nova_mini.virt.libvirt.errors import translates_libvirt_errors
from nova_mini.virt.libvirt.host import Host
from nova_mini.virt.libvirt.imagebackend import factory
from nova_mini.virt.libvirt.secrets import Secrets
from nova_mini.virt.libvirt.serial_ports import SerialPorts
from nova_mini.virt.libvirt.vif import LibvirtGenericVIFDriver
from nova_mini.virt.libvirt.volumes import Volumes

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.virtapi import VirtAPI


@translates_libvirt_errors
class LibvirtDriver(
    LibvirtMoves,  # with the creation and the power that a move consists of
    LibvirtRescue,
    LibvirtLiveMigration,
    LibvirtImages,
    LibvirtInterfaces,
    LibvirtVolumes,
    LibvirtGuestAccess,
    LibvirtSharedDisks,
    ComputeDriver,
):
    """The sum of the subjects, and what the driver knows of its host."""

    capabilities = {"supports_attach_interface": True}

    def __init__(self, virtapi: VirtAPI):
        super().__init__(virtapi)
        uri = CONF.libvirt.connection_uri or "qemu:///system"
        self._host = Host(uri, events.EventHandler(self.emit_event))
        self._hostname = ""
        self.image_backend = factory.load_backend(CONF.libvirt.images_type, Secrets(self._host))
        self.image_cache_manager = imagecache.ImageCacheManager()
        self.vif_driver = LibvirtGenericVIFDriver()
        self.firewall_driver: firewall.FirewallDriver = firewall.NoopFirewallDriver()
        self._volumes = Volumes(self._host)
        self._tpms = vtpm.VirtualTpms(Secrets(self._host), Passphrases())
        self._serial_ports = SerialPorts(self._host)
        self._image_api = glance.API()

    def init_host(self, host: str) -> None:
        self._hostname = host
        self._host.initialize()
        if not self._host.supports_virt_type(CONF.libvirt.virt_type):
            raise exception.ConfigurationError(
                f"libvirt on this host does not support virt_type {CONF.libvirt.virt_type}; set "
                "[libvirt] virt_type=qemu"
            )
        injection.check_host()
        self.image_backend.init_host()
        disk_places.check(self._host, self.image_backend)
        vtpm.check_host()
        utils.restrict_access()
        snapshot.remove_unfinished()

    def get_available_resource(self) -> HostResources:
        return resources.get_available_resource(
            self._host, self._hostname, self.image_backend.get_storage()
        )

    def is_available(self) -> bool:
        return self._host.is_available()

    def list_instance_uuids(self) -> list[str]:
        return sorted(
            utils.list_instance_dirs().union(
                self.image_backend.list_local_owners(),
                self._host.list_instance_uuids(),
                self._volumes.connected_instances(),
            )
        )

    def get_info(self, instance: Instance) -> InstanceInfo:
        guest = self._host.find_guest(instance)
        if guest is None:
            raise exception.InstanceNotFound(instance_id=instance.uuid)
        return guest.get_info()

    def get_power_states(self) -> dict[str, int]:
        return self._host.get_power_states()
