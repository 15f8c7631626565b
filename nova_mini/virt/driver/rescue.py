"""Start a guest from a rescue disk."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.image_meta import ImageMeta
    from nova_mini.objects.instance import Instance
    from nova_mini.objects.network_model import NetworkInfo
    from nova_mini.virt.block_device_info import BlockDeviceInfo


class Rescue(abc.ABC):
    @abc.abstractmethod
    def rescue(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        rescue_image: ImageMeta,
        admin_password: str | None,
        block_device_info: BlockDeviceInfo,
    ) -> None:
        """Start the instance from a new rescue disk, which is made from ``rescue_image``. Its own
        domain is stopped. ``admin_password``: for the system on the rescue disk.

        An image with ``hw_rescue_bus`` or ``hw_rescue_device`` is added to the disks of the
        instance, which stay in their places. With another one, the guest has only the rescue disk,
        as its first disk, and its own root disk, and the hardware that the image describes.

        A rescue disk of an interrupted attempt is replaced. When it fails, the manager cleans up
        with :meth:`remove_rescue_disks`.
        """

    @abc.abstractmethod
    def unrescue(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo,
    ) -> None:
        """Start the instance with its own disks, unless it runs with them already, and remove the
        rescue disk. Idempotent."""

    @abc.abstractmethod
    def remove_rescue_disks(self, instance: Instance) -> None:
        """Remove the rescue disk, which no running domain uses. Idempotent. Raises CephUnavailable,
        RbdImageBusy."""

    def list_unused_rescue_disks(self) -> set[str]:
        """Uuids of the instances that have a rescue disk which no domain on this host uses. With
        shared storage, they may be on other hosts."""
        return set()
