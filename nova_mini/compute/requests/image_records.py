"""A cache of image records from Glance.

The request to Glance takes most of the time of ``POST /servers``. Active images are cached for
``[api] image_record_cache_time`` seconds, separately for each project and set of roles. Hosts do
not use this cache: they read an image's record again when they fetch it.
"""

from __future__ import annotations

import threading
import time

from nova_mini.conf import CONF
from nova_mini.context import RequestContext
from nova_mini.image import glance
from nova_mini.objects.image_meta import ImageMeta

_MAX_ENTRIES = 1000


class ImageRecords:
    """One cache per process. Safe for threads."""

    def __init__(self, image_api: glance.API):
        self._image_api = image_api
        self._lock = threading.Lock()
        self._entries: dict[tuple[object, ...], tuple[float, ImageMeta]] = {}

    def get(self, context: RequestContext, image_id: str) -> ImageMeta:
        """Return a shared object: do not change it. Raises the errors of ``glance.API.get``."""
        key = (image_id, context.project_id, context.is_admin, *sorted(context.roles))
        now = time.monotonic()
        with self._lock:
            expires_at, known = self._entries.get(key, (now, None))
        if known is not None and now < expires_at:
            return known
        image = self._image_api.get(context, image_id)
        if image.status == "active" and CONF.api.image_record_cache_time:
            with self._lock:
                self._make_room(now)
                self._entries[key] = (now + CONF.api.image_record_cache_time, image)
        return image

    def _make_room(self, now: float) -> None:
        if len(self._entries) >= _MAX_ENTRIES:
            self._entries = {key: entry for key, entry in self._entries.items() if now < entry[0]}
        if len(self._entries) >= _MAX_ENTRIES:
            self._entries.clear()
