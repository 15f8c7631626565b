"""The parts that the subjects of the driver share. :class:`.LibvirtDriver` makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini.image import glance
from nova_mini.virt.libvirt import firewall, imagecache
from nova_mini.virt.libvirt.host import Host
from nova_mini.virt.libvirt.imagebackend.file import Backend
from nova_mini.virt.libvirt.serial_ports import SerialPorts
from nova_mini.virt.libvirt.vif import LibvirtGenericVIFDriver
from nova_mini.virt.libvirt.volumes import Volumes
from nova_mini.virt.libvirt.vtpm import VirtualTpms

if TYPE_CHECKING:
    from nova_mini.virt.virtapi import VirtAPI


class DriverParts:
    virtapi: VirtAPI
    image_backend: Backend
    image_cache_manager: imagecache.ImageCacheManager
    vif_driver: LibvirtGenericVIFDriver
    firewall_driver: firewall.FirewallDriver
    _host: Host
    _hostname: str
    _image_api: glance.API
    _serial_ports: SerialPorts
    _tpms: VirtualTpms
    _volumes: Volumes
