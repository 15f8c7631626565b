"""The image properties of a rescue image: how its disk is attached to the guest."""

from __future__ import annotations

from collections.abc import Mapping

BUS, DEVICE = "hw_rescue_bus", "hw_rescue_device"
DEVICES = ("disk", "cdrom")


def is_stable(properties: Mapping[str, str]) -> bool:
    """Whether the disks of the guest stay in their places, and the rescue disk is added to them.

    Else the guest has only the rescue disk, in the place of its root disk, and its own root disk.
    """
    return BUS in properties or DEVICE in properties
