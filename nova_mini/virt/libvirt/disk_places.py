"""Whether the disks that guests have are where this configuration looks for disks.

With another ``images_type``, pool or ``instances_path`` than they were made with, the next start of
a guest would not find its disks and make new, empty ones; or show it the inside of a file format.
"""

from __future__ import annotations

import os

from nova_mini import exception
from nova_mini.virt.libvirt.config_devices import LibvirtConfigGuestDisk, Place
from nova_mini.virt.libvirt.guest import Guest
from nova_mini.virt.libvirt.host import Host
from nova_mini.virt.libvirt.imagebackend import Backend


def check(host: Host, backend: Backend) -> None:
    """For a driver that starts. Raises ConfigurationError, which names one such guest."""
    misplaced = [
        (guest.uuid, disk, expected)
        for guest in host.list_guests()
        for disk in guest.get_devices(persistent=True).disks
        if (expected := _expected(backend, guest, disk)) != _normal(disk.place, disk.driver_format)
    ]
    if not misplaced:
        return
    uuid, disk, (place, driver_format) = misplaced[0]
    count = len({owner for owner, *_ in misplaced})
    raise exception.ConfigurationError(
        f"{count} of the servers here, {uuid} for one, have disks "
        f"that this configuration would not find: {_told(disk.place, disk.driver_format)} is "
        f"there, and {_told(place, driver_format)} is looked for. Set [libvirt] images_type, "
        "images_rbd_pool, images_volume_group and [DEFAULT] instances_path as they were, or delete "
        "these servers before you change them."
    )


def _expected(backend: Backend, guest: Guest, disk: LibvirtConfigGuestDisk) -> tuple[Place, str]:
    """As the backend would make it; volumes, and what else is not its affair, are as they are."""
    name = _name(guest.uuid, disk)
    if name is None:
        return _normal(disk.place, disk.driver_format)
    image = backend.by_name(guest, name)
    return _normal(image.place, image.driver_format)


def _name(uuid: str, disk: LibvirtConfigGuestDisk) -> str | None:
    """Of a disk that was made for this guest: a file in its folder, or another place with its
    uuid in the name."""
    folder, _, name = (disk.source_path or "").rpartition("/")
    if disk.source_type == "file" and os.path.basename(folder) == uuid:
        return name
    is_named = disk.source_type == "block" or disk.source_protocol == "rbd"
    if is_named and name.startswith(f"{uuid}_"):
        return name.removeprefix(f"{uuid}_")
    return None


def _normal(place: Place, driver_format: str) -> tuple[Place, str]:
    """So that two names of one file are the same."""
    kind, protocol, path = place
    if kind == "file" and path:
        place = kind, protocol, os.path.realpath(path)
    return place, driver_format


def _told(place: Place, driver_format: str) -> str:
    kind, protocol, path = place
    return f"{protocol or kind} {path} ({driver_format})"
