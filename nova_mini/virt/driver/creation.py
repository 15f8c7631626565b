"""Create a guest with its disks, and remove it."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.image_meta import ImageMeta
    from nova_mini.objects.instance import Instance
    from nova_mini.objects.network_model import NetworkInfo
    from nova_mini.virt.block_device_info import BlockDeviceInfo


class Creation(abc.ABC):
    @abc.abstractmethod
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
        """Create the disks and the domain and start it; returns when it runs. The root disk is made
        from the image of ``image_meta``: the server's image, or the one that it was shelved in.

        ``fallback_from_host``: a host to copy the image from if Glance does not have it any more.

        Idempotent: what an interrupted attempt left is used or replaced. Raises
        BuildAbortException for an error that other hosts would have too (bad image), or another
        exception; then the manager cleans up with :meth:`destroy`.
        """

    @abc.abstractmethod
    def destroy(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo | None = None,
        block_device_info: BlockDeviceInfo | None = None,
        destroy_disks: bool = True,
    ) -> None:
        """Stop and undefine the domain, unplug its VIFs, remove its disks and files. Idempotent."""
