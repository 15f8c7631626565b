"""Check that the disks of the guests on this host fit the configuration.

If ``images_type``, a pool or ``instances_path`` was changed after the disks were made, the next
start of a guest would not find its disks and would create new ones, or open them in a wrong format.
"""

from __future__ import annotations

import os

from nova_mini import exception
from nova_mini.virt.libvirt.config_devices import LibvirtConfigGuestDisk, Place
from nova_mini.virt.libvirt.guest import Guest
from nova_mini.virt.libvirt.host import Host
from nova_mini.virt.libvirt.imagebackend.file import Backend


def check(host: Host, backend: Backend) -> None:
    """Called when the driver starts. Raises ConfigurationError, which names one of the guests."""
    mismatches = [
        (guest.uuid, disk, expected)
        for guest in host.list_guests()
        for disk in guest.get_devices(persistent=True).disks
        if (expected := _expected(backend, guest, disk))
        != _normalize(disk.place, disk.driver_format)
    ]
    if not mismatches:
        return
    uuid, disk, (place, driver_format) = mismatches[0]
    count = len({owner for owner, *_ in mismatches})
    raise exception.ConfigurationError(
        f"{count} of the servers on this host have disks that do not fit the configuration. Server "
        f"{uuid} has the disk {_describe(disk.place, disk.driver_format)}, but the configuration "
        f"expects {_describe(place, driver_format)}. Restore [libvirt] images_type, "
        "images_rbd_pool, images_volume_group and [DEFAULT] instances_path, or delete these "
        "servers before you change them."
    )


def _expected(backend: Backend, guest: Guest, disk: LibvirtConfigGuestDisk) -> tuple[Place, str]:
    """Place and format of a disk as the backend would make it. For a disk that the backend did not
    make (a volume): its present place and format."""
    name = local_name(guest.uuid, disk)
    if name is None:
        return _normalize(disk.place, disk.driver_format)
    image = backend.by_name(guest, name)
    return _normalize(image.place, image.driver_format)


def local_name(uuid: str, disk: LibvirtConfigGuestDisk) -> str | None:
    """The name of a disk that a backend made for this guest: a file in the guest's folder, or a
    logical volume or image with its uuid in the name. None for other disks."""
    folder, _, name = (disk.source_path or "").rpartition("/")
    if disk.source_type == "file" and os.path.basename(folder) == uuid:
        return name
    is_named = disk.source_type == "block" or disk.source_protocol == "rbd"
    if is_named and name.startswith(f"{uuid}_"):
        return name.removeprefix(f"{uuid}_")
    return None


def _normalize(place: Place, driver_format: str) -> tuple[Place, str]:
    """Resolve symbolic links in a path, to compare two names of the same file."""
    kind, protocol, path = place
    if kind == "file" and path:
        place = kind, protocol, os.path.realpath(path)
    return place, driver_format


def _describe(place: Place, driver_format: str) -> str:
    kind, protocol, path = place
    return f"{protocol or kind} {path} ({driver_format})"
