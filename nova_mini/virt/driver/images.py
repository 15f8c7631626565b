"""Images that are made from guests, and the cache of those that guests are made from."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance


class Images(abc.ABC):
    @abc.abstractmethod
    def snapshot(
        self,
        context: RequestContext,
        instance: Instance,
        image_id: str,
        update_task_state: Callable[..., None],
    ) -> None:
        """Upload the root disk into the Glance image ``image_id``, which exists and is queued.

        Calls ``update_task_state(task_state=IMAGE_PENDING_UPLOAD)`` when the disk is copied (the
        guest may run again), and ``update_task_state(task_state=IMAGE_UPLOADING,
        expected_state=IMAGE_PENDING_UPLOAD)`` before the upload.
        """

    @abc.abstractmethod
    def cache_image(self, context: RequestContext, image_id: str, max_size: int = 0) -> bool:
        """Fetch an image into the cache. Returns False when it was not necessary. Raises the errors
        of an image that :meth:`spawn` raises, also for one that is larger than ``max_size`` bytes
        (0: no limit)."""

    def manage_image_cache(  # noqa: B027
        self, context: RequestContext, used_images: set[str]
    ) -> None:
        """Remove cached base images that are not in ``used_images`` (image ids) and that no disk on
        this host needs."""

    def discard_copy(  # noqa: B027
        self, context: RequestContext, image_id: str, base_image_id: str
    ) -> None:
        """Remove the data that :meth:`snapshot` left in shared storage for an image that will
        never become active. ``base_image_id``: the image of its server. Raises CephUnavailable,
        RbdImageBusy."""
