"""Images that an administrator wants on an aggregate's hosts before servers need them."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.conductor.api import ComputeTaskAPI
from nova_mini.image import glance
from nova_mini.objects.aggregate import Aggregate


def cache_images(context, aggregate: Aggregate, image_ids: list[str]) -> None:
    """Ask the conductors to see to it. Raises InvalidInput for an image that is not there."""
    for image_id in image_ids:
        try:
            glance.API().get(context, image_id)
        except exception.ImageNotFound as exc:
            raise exception.InvalidInput(reason=exc.format_message()) from exc
    ComputeTaskAPI().cache_images(context, aggregate.hosts, image_ids)
