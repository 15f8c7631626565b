"""Glance's images of servers that nobody will finish."""

from __future__ import annotations

import functools

from nova_mini.conductor import unfinished_images
from nova_mini.doctor.finding import Finding


def look() -> list[Finding]:
    return [
        Finding(
            "unfinished-image",
            f"server {image.instance_uuid}",
            f"nobody goes on with its image {image.id}, which has no data",
            image.since,
            "is deleted",
            functools.partial(unfinished_images.discard, image),
        )
        for image in unfinished_images.find()
    ]
