"""Images that are made from guests, and the cache of those that guests are made from."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from nova_mini.states import task_states
from nova_mini.trace import traced
from nova_mini.virt.driver.images import Images
from nova_mini.virt.fake.parts import FakeParts

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance


class FakeImages(FakeParts, Images):
    _cached: set[str]  # ids of images

    @traced("FakeDriver.snapshot")
    def snapshot(
        self,
        context: RequestContext,
        instance: Instance,
        image_id: str,
        update_task_state: Callable[..., None],
    ) -> None:
        self._delay(instance, "snapshot")
        guest = self._get(instance)
        update_task_state(task_state=task_states.IMAGE_PENDING_UPLOAD)
        content = json.dumps(dataclasses.asdict(guest)).encode()
        update_task_state(
            task_state=task_states.IMAGE_UPLOADING,
            expected_state=task_states.IMAGE_PENDING_UPLOAD,
        )
        self._image_api.update(context, image_id, disk_format="raw", container_format="bare")
        self._image_api.upload(context, image_id, io.BytesIO(content))

    @traced("FakeDriver.cache_image")
    def cache_image(self, context: RequestContext, image_id: str, max_size: int = 0) -> bool:
        self._image_api.get(context, image_id)
        is_new = image_id not in self._cached
        self._cached.add(image_id)
        return is_new
