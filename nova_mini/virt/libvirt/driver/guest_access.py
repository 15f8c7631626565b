"""What a user reads from a guest or asks of it: consoles, counters, password, crash dump."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini import exception
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.trace import traced
from nova_mini.virt.driver.guest_access import GuestAccess
from nova_mini.virt.libvirt import consoles, diagnostics, guest_agent, utils
from nova_mini.virt.libvirt.driver.parts import DriverParts

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.consoles import ConsoleAddress, ConsoleKind
    from nova_mini.virt.diagnostics import Diagnostics

MAX_CONSOLE_BYTES = 100 * 1024


class LibvirtGuestAccess(DriverParts, GuestAccess):
    def get_console_output(self, context: RequestContext, instance: Instance) -> bytes:
        return utils.read_console_log(instance, MAX_CONSOLE_BYTES)

    def get_console(self, instance_uuid: str, kind: ConsoleKind) -> ConsoleAddress:
        guest = self._host.find_guest_by_uuid(instance_uuid)
        if guest is None:
            raise exception.InstanceNotFound(instance_id=instance_uuid)
        return consoles.get_address(guest, kind)

    def get_diagnostics(self, instance: Instance) -> dict[str, int]:
        return diagnostics.as_items(self._host.get_guest(instance).get_statistics())

    def get_instance_diagnostics(self, instance: Instance) -> Diagnostics:
        guest = self._host.get_guest(instance)
        addresses = diagnostics.mac_addresses_of(guest)
        return diagnostics.as_diagnostics(guest.get_statistics(), instance, addresses)

    @traced("LibvirtDriver.set_admin_password")
    def set_admin_password(self, instance: Instance, image_meta: ImageMeta, password: str) -> None:
        guest_agent.set_admin_password(
            self._host.get_guest(instance), instance, image_meta, password
        )

    @traced("LibvirtDriver.trigger_crash_dump")
    def trigger_crash_dump(self, instance: Instance) -> None:
        self._host.get_guest(instance).inject_nmi()
