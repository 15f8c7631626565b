"""Start, stop, reboot, pause and suspend a guest."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance
    from nova_mini.objects.network_model import NetworkInfo
    from nova_mini.virt.block_device_info import BlockDeviceInfo


class Power(abc.ABC):
    @abc.abstractmethod
    def reboot(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        reboot_type: str,
        block_device_info: BlockDeviceInfo | None = None,
    ) -> None:
        """``reboot_type``: SOFT (the guest shuts down; HARD if it does not) or HARD (a new domain
        with the same disks)."""

    @abc.abstractmethod
    def power_off(self, instance: Instance, timeout: int = 0, retry_interval: int = 0) -> None:
        """Stop the domain. ``timeout``: seconds that the guest has to shut down by itself first,
        with a new request every ``retry_interval`` seconds. Does nothing when the domain is off or
        does not exist."""

    @abc.abstractmethod
    def power_on(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo | None = None,
    ) -> None:
        """Start a stopped domain, and define it again if it is missing. Idempotent."""

    @abc.abstractmethod
    def pause(self, instance: Instance) -> None: ...

    @abc.abstractmethod
    def unpause(self, instance: Instance) -> None: ...

    @abc.abstractmethod
    def suspend(self, context: RequestContext, instance: Instance) -> None:
        """Save the memory to disk and stop."""

    @abc.abstractmethod
    def resume(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo | None = None,
    ) -> None: ...
