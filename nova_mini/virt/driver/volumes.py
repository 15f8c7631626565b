"""The volumes of a guest: attach, detach, swap, extend."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from nova_mini.virt import device_names

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.block_device_mapping import BlockDeviceMapping
    from nova_mini.objects.instance import Instance
    from nova_mini.volume.connection_info import ConnectionInfo


class Volumes(abc.ABC):
    @abc.abstractmethod
    def get_volume_connector(self, instance: Instance) -> dict[str, Any]:
        """This host's connector properties (as os-brick defines them), for Cinder."""

    def get_device_name_for_instance(
        self,
        instance: Instance,
        bdms: Iterable[BlockDeviceMapping],
        bdm: BlockDeviceMapping,
    ) -> str:
        """The device name (``/dev/vdb``) of the new disk ``bdm``: the requested one, or a free one.
        ``bdms``: all disks of the server. Raises DevicePathInUse, InvalidDiskInfo."""
        return device_names.next_name(bdms, bdm)

    @abc.abstractmethod
    def attach_volume(
        self,
        context: RequestContext,
        connection_info: ConnectionInfo,
        instance: Instance,
        mountpoint: str,
        disk_bus: str | None = None,
        device_type: str | None = None,
    ) -> None:
        """Connect a volume to this host and attach it to the guest as ``mountpoint``. The guest may
        be running or off. Idempotent. Raises VolumeAttachFailed."""

    @abc.abstractmethod
    def detach_volume(
        self,
        context: RequestContext,
        connection_info: ConnectionInfo,
        instance: Instance,
        mountpoint: str,
    ) -> None:
        """Detach a volume from the guest and disconnect it from this host; returns when the guest
        has released it. Idempotent. Raises DeviceDetachFailed when the guest does not release
        it."""

    @abc.abstractmethod
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
        """Replace an attached volume by another one while the guest runs: copy the content, switch
        the guest to the new volume, disconnect the old one (None: it is not on this host).

        ``commit()`` is called when both volumes are equal and all writes go to both. After that the
        swap is completed even if a process dies. None: it was called by an earlier attempt.
        Idempotent. Raises VolumeSwapFailed.
        """

    @abc.abstractmethod
    def undo_swap_volume(
        self,
        context: RequestContext,
        new_connection_info: ConnectionInfo,
        instance: Instance,
        mountpoint: str,
    ) -> None:
        """Undo a swap that failed before its commit: disconnect the new volume from this host."""

    @abc.abstractmethod
    def extend_volume(
        self,
        context: RequestContext,
        connection_info: ConnectionInfo,
        instance: Instance,
        mountpoint: str,
        size: int,
    ) -> None:
        """Make the new size (``size`` GiB) of an attached volume visible to the guest."""
