"""Finds out whether two hosts have the same folder of instances, for example by NFS.

The source writes a file with a new name into the folder of the instance. If the destination sees
it, the folders are one: what the destination would make or remove there is what the guest uses.
"""

from __future__ import annotations

import pathlib
import uuid

from nova_mini.objects.instance import Instance
from nova_mini.virt import private_files
from nova_mini.virt.libvirt import utils

_PREFIX = "live-migration-"


def write(instance: Instance) -> str:
    """At the source. Returns the mark, which is new each time: no cache of a file system knows it.
    It is removed with the folder, or replaced by the next one."""
    for old in utils.get_instance_path(instance).glob(f"{_PREFIX}*"):
        old.unlink(missing_ok=True)
    mark = uuid.uuid4().hex
    private_files.prepare(_path(instance, mark))
    return mark


def is_here(instance: Instance, mark: str | None) -> bool:
    """At the destination. ``mark``: None if the source has written none."""
    return mark is not None and _path(instance, mark).exists()


def _path(instance: Instance, mark: str) -> pathlib.Path:
    return utils.get_instance_path(instance, _PREFIX + mark)
