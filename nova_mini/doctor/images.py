"""Images of servers in Glance that no action will finish."""

from __future__ import annotations

import functools

from nova_mini.conductor import unfinished_image_sweep
from nova_mini.doctor.finding import Finding


def audit() -> list[Finding]:
    """The unfinished images."""
    return [
        Finding(
            "unfinished-image",
            f"server {image.instance_uuid}",
            f"its image {image.id} has no data, and no action will finish it",
            image.since,
            "is deleted",
            functools.partial(unfinished_image_sweep.discard, image),
        )
        for image in unfinished_image_sweep.find()
    ]
