"""The network interfaces of a guest, and the ports on the host's switch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oslo_log import log as logging

from nova_mini import exception
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.network_model import NetworkInfo
from nova_mini.virt.driver.interfaces import Interfaces
from nova_mini.virt.libvirt import interfaces
from nova_mini.virt.libvirt.driver.parts import DriverParts

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance
    from nova_mini.objects.network_model import VIF

LOG = logging.getLogger(__name__)


class LibvirtInterfaces(DriverParts, Interfaces):
    def attach_interface(
        self, context: RequestContext, instance: Instance, image_meta: ImageMeta, vif: VIF
    ) -> None:
        guest = self._host.get_guest(instance)
        self.vif_driver.plug(instance, vif)
        self.firewall_driver.setup_basic_filtering(instance, NetworkInfo([vif]))
        config = self.vif_driver.get_config(vif, image_meta, instance.flavor)
        try:
            interfaces.attach(instance, guest, config)
        except exception.InterfaceAttachFailed:
            self.vif_driver.unplug(instance, vif)
            raise
        interfaces.update_metadata(instance, guest, image_meta, vif, plugged=True)

    def detach_interface(self, context: RequestContext, instance: Instance, vif: VIF) -> None:
        guest = self._host.find_guest(instance)
        if guest:
            interfaces.detach(self._host, instance, guest, vif.address)
            image_meta = ImageMeta.from_instance(instance)
            interfaces.update_metadata(instance, guest, image_meta, vif, plugged=False)
        self.vif_driver.unplug(instance, vif)

    def list_plugged_instances(self) -> set[str]:
        return set(self.vif_driver.list_plugged())

    def unplug_orphan(self, instance_uuid: str) -> None:
        for port in self.vif_driver.list_plugged().get(instance_uuid, ()):
            LOG.warning("Instance %s: removing orphaned port %s", instance_uuid, port)
            self.vif_driver.remove_port(port)
