"""Disks and images in Ceph, read with its own tools. ``HERE``: whether the stack has Ceph."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any

from tests.integration.cloud.harness import node

HERE = "CEPH_CONF" in os.environ
DISKS, IMAGES, VOLUMES = "vms", "images", "volumes"


def names(pool: str) -> set[str]:
    return set(_rbd("ls", pool))


def parent(disk: str) -> tuple[str, str, str] | None:
    """(pool, image, snapshot) that a disk is a clone of."""
    found = _rbd("info", f"{DISKS}/{disk}").get("parent")
    return found and (found["pool"], found["image"], found["snapshot"])


def size(disk: str) -> int:
    """Bytes."""
    return _rbd("info", f"{DISKS}/{disk}")["size"]


def snapshots(disk: str) -> list[str]:
    return [each["name"] for each in _rbd("snap", "ls", f"{DISKS}/{disk}")]


def exchange(image_id: str, path: pathlib.Path) -> None:
    """Replace the data of an image of Glance."""
    image = f"{IMAGES}/{image_id}"
    for arguments in (
        ("snap", "unprotect", f"{image}@snap"),
        ("snap", "purge", "--no-progress", image),
        ("rm", "--no-progress", image),
        ("import", "--no-progress", str(path), image),
        ("snap", "create", "--no-progress", f"{image}@snap"),
        ("snap", "protect", f"{image}@snap"),
    ):
        node.run("rbd", *arguments)


def _rbd(*arguments: str) -> Any:
    return json.loads(node.run("rbd", *arguments, "--format", "json"))
