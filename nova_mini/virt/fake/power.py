"""Start, stop, reboot, pause and suspend a guest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini.conf import CONF
from nova_mini.states import power_state
from nova_mini.trace import traced
from nova_mini.virt.driver.power import Power
from nova_mini.virt.fake.parts import FakeParts

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance
    from nova_mini.objects.network_model import NetworkInfo
    from nova_mini.virt.block_device_info import BlockDeviceInfo


class FakePower(FakeParts, Power):
    @traced("FakeDriver.reboot")
    def reboot(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        reboot_type: str,
        block_device_info: BlockDeviceInfo | None = None,
    ) -> None:
        self._delay(instance, "reboot")
        if reboot_type == "SOFT":
            self._await_answer(instance, CONF.libvirt.wait_soft_reboot_seconds)
        guest = self._get_or_define(instance)
        if reboot_type == "HARD":
            guest.is_rescued = False
            guest.numa = instance.numa_topology
        self._change(guest, power_state.RUNNING, f"reboot {reboot_type}")

    @traced("FakeDriver.power_off")
    def power_off(self, instance: Instance, timeout: int = 0, retry_interval: int = 0) -> None:
        guest = self._guests.find(instance.uuid)
        if guest and guest.state != power_state.SHUTDOWN:
            self._delay(instance, "stop")
            self._await_answer(instance, timeout)
            self._change(guest, power_state.SHUTDOWN, "power off")

    @traced("FakeDriver.power_on")
    def power_on(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo | None = None,
    ) -> None:
        self._delay(instance, "start")
        guest = self._get_or_define(instance)
        if guest.state != power_state.RUNNING:
            guest.is_rescued = False
            guest.numa = instance.numa_topology
        self._change(guest, power_state.RUNNING, "power on")

    @traced("FakeDriver.pause")
    def pause(self, instance: Instance) -> None:
        self._delay(instance, "pause")
        self._change(self._get(instance), power_state.PAUSED, "pause")

    @traced("FakeDriver.unpause")
    def unpause(self, instance: Instance) -> None:
        self._delay(instance, "unpause")
        self._change(self._get(instance), power_state.RUNNING, "unpause")

    @traced("FakeDriver.suspend")
    def suspend(self, context: RequestContext, instance: Instance) -> None:
        self._delay(instance, "suspend")
        # As in libvirt, a domain with saved memory is shut off.
        self._change(self._get(instance), power_state.SHUTDOWN, "suspend")

    @traced("FakeDriver.resume")
    def resume(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo | None = None,
    ) -> None:
        self._delay(instance, "resume")
        self._change(self._get_or_define(instance), power_state.RUNNING, "resume")
