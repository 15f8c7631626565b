"""Cache images on the hosts of an aggregate before servers need them."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.context import RequestContext
from nova_mini.image import glance
from nova_mini.objects.aggregate import Aggregate
from nova_mini.rpcapi.conductor import ComputeTaskAPI


def cache_images(context: RequestContext, aggregate: Aggregate, image_ids: list[str]) -> None:
    """Cast the request to the conductors. Raises InvalidInput for an image that does not exist."""
    for image_id in image_ids:
        try:
            glance.API().get(context, image_id)
        except exception.ImageNotFound as exc:
            raise exception.InvalidInput(reason=exc.format_message()) from exc
    ComputeTaskAPI().cache_images(context, aggregate, image_ids)
