"""Images as Glance described them a moment ago.

A burst of servers from one image would ask Glance the same question each time, and its answer is
most of what a request costs. Active images are remembered for some seconds, by who asked; a host
that fetches an image asks again.
"""

from __future__ import annotations

import threading
import time

from nova_mini.conf import CONF
from nova_mini.image import glance
from nova_mini.objects.image_meta import ImageMeta

_MOST = 1000


class ImageRecords:
    """One per process, for all its threads. ``image_api``: what asks Glance."""

    def __init__(self, image_api: glance.API):
        self._image_api = image_api
        self._lock = threading.Lock()
        self._known: dict[tuple, tuple[float, ImageMeta]] = {}

    def get(self, context, image_id: str) -> ImageMeta:
        """Not to be changed. Raises what ``glance.API.get`` does."""
        key = (image_id, context.project_id, context.is_admin, *sorted(context.roles))
        now = time.monotonic()
        with self._lock:
            until, image = self._known.get(key, (now, None))
        if now < until:
            return image
        image = self._image_api.get(context, image_id)
        if image.status == "active" and CONF.api.image_record_cache_time:
            with self._lock:
                self._make_room(now)
                self._known[key] = (now + CONF.api.image_record_cache_time, image)
        return image

    def _make_room(self, now: float) -> None:
        if len(self._known) >= _MOST:
            self._known = {key: kept for key, kept in self._known.items() if now < kept[0]}
        if len(self._known) >= _MOST:
            self._known.clear()
