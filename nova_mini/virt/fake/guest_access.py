"""What a user reads from a guest or asks of it: consoles, counters, password, crash dump."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from nova_mini import exception
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.states import power_state
from nova_mini.trace import traced
from nova_mini.virt import diagnostics
from nova_mini.virt.driver.guest_access import GuestAccess
from nova_mini.virt.fake.parts import FakeParts

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.consoles import ConsoleAddress, ConsoleKind


class FakeGuestAccess(FakeParts, GuestAccess):
    def get_console_output(self, context: RequestContext, instance: Instance) -> bytes:
        return self._get(instance).console.encode()

    def get_console(self, instance_uuid: str, kind: ConsoleKind) -> ConsoleAddress:
        guest = self._guests.find(instance_uuid)
        if guest is None:
            raise exception.InstanceNotFound(instance_id=instance_uuid)
        if guest.state != power_state.RUNNING:
            raise exception.ConsoleTypeUnavailable(console_type=kind.value)
        return self._consoles.address(
            instance_uuid,
            kind,
            lambda: self._console_of(instance_uuid),
            lambda line: self._log(instance_uuid, line),
        )

    def _console_of(self, uuid: str) -> str:
        guest = self._guests.find(uuid)
        return guest.console if guest else ""

    def _log(self, uuid: str, line: str) -> None:
        if guest := self._guests.find(uuid):
            guest.log(line)
            self._guests.save(guest)

    def get_diagnostics(self, instance: Instance) -> dict[str, int]:
        self._get(instance)
        return {"memory": instance.memory_mb * 1024}  # KiB, as libvirt

    def get_instance_diagnostics(self, instance: Instance) -> diagnostics.Diagnostics:
        """A record has no counters: they are not known."""
        guest = self._get(instance)
        addresses = {vif.id: vif.address for vif in instance.network_info}
        return diagnostics.Diagnostics(
            state=power_state.STATE_MAP[guest.state],
            # Nova's API has names of drivers to choose from, and none for a driver without a
            # hypervisor. Its own fake driver uses this one, too.
            driver="libvirt",
            hypervisor="fake",
            hypervisor_os=sys.platform,
            uptime=diagnostics.uptime_of(instance),
            config_drive=bool(instance.config_drive),
            memory=diagnostics.Memory(instance.memory_mb),
            cpus=tuple(diagnostics.Cpu(number) for number in range(instance.vcpus)),
            disks=(diagnostics.Disk(),) * (bool(guest.image) + len(guest.volumes)),
            nics=tuple(diagnostics.Nic(addresses.get(vif_id)) for vif_id in guest.vifs),
        )

    def set_admin_password(self, instance: Instance, image_meta: ImageMeta, password: str) -> None:
        if not self._answers(instance):
            raise exception.GuestAgentUnresponsive()
        guest = self._get(instance)
        guest.log("the password of the administrator was changed")
        self._guests.save(guest)

    @traced("FakeDriver.trigger_crash_dump")
    def trigger_crash_dump(self, instance: Instance) -> None:
        guest = self._get(instance)
        if guest.state == power_state.SHUTDOWN:
            raise exception.InstanceInvalidState(
                method="trigger_crash_dump",
                instance_uuid=instance.uuid,
                attr="power state",
                state=power_state.STATE_MAP[guest.state],
            )
        guest.log("non-maskable interrupt")
        self._guests.save(guest)
