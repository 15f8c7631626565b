"""The disks of a new server: those of its image and flavor, and those that its user requests.

Sizes are GiB, of swap MiB.
"""

from __future__ import annotations

from oslo_utils import strutils, uuidutils

from nova_mini import exception
from nova_mini.compute.requests.server_request import ServerRequest
from nova_mini.conf import CONF
from nova_mini.external import legacy_block_devices, volume_backed_image
from nova_mini.external.block_device_schema import RequestedDisk
from nova_mini.objects.block_device_mapping import GUEST_FORMATS, MAX_SIZE, SWAP, NewDisk
from nova_mini.objects.flavor import Flavor

LOCAL, VOLUME = "local", "volume"


def build_disks(
    requested: list[RequestedDisk], image_id: str | None, flavor: Flavor
) -> list[NewDisk]:
    """Return all disks of a server, the root disk first.

    ``requested`` is a ``block_device_mapping_v2`` that its schema has checked. Without ephemeral
    disks or swap in it, the server gets those of the flavor. Raises InvalidBDM.
    """
    disks = [_disk(item, image_id, flavor) for item in requested if not item.get("no_device")]
    _check_boot_order(disks)
    _check_root(disks)
    for disk in disks:
        _check_one(disk)
    _check_fits(disks, flavor)
    if flavor.ephemeral_gb and not _ephemerals(disks):
        disks.append(_blank(CONF.default_ephemeral_format, flavor.ephemeral_gb))
    if flavor.swap and not _swaps(disks):
        disks.append(_blank(SWAP, flavor.swap))
    return sorted(disks, key=lambda disk: disk.boot_index != 0)


def requested_disks(request: ServerRequest, of_image: list[RequestedDisk]) -> list[RequestedDisk]:
    """Return the disks that the user requests; ``of_image`` are the disks that the image names.

    The image itself becomes the root disk if neither names a root disk. Raises InvalidBDM.
    """
    image_id, has_root = request.image_ref, volume_backed_image.has_root(of_image)
    requested = request.block_device_mapping
    if not requested:
        legacy = request.legacy_block_device_mapping
        return legacy_block_devices.to_v2(legacy, image_id, has_root=has_root)
    if image_id:
        _check_device_names(requested)
    # Clients name the image as the root disk even if the image has no data of its own.
    return [disk for disk in requested if not (has_root and _is_image_root(disk))]


def _is_image_root(disk: RequestedDisk) -> bool:
    return disk.get("source_type") == "image" and volume_backed_image.has_root([disk])


def _check_device_names(requested: list[RequestedDisk]) -> None:
    for disk in requested:
        name = disk.get("device_name")
        if disk.get("destination_type") == VOLUME and legacy_block_devices.is_root_device(name):
            raise exception.InvalidInput(
                reason="The volume cannot be assigned the same device name as the root device "
                f"{legacy_block_devices.ROOT_DEVICE}"
            )


def _blank(guest_format: str | None, size: int) -> NewDisk:
    """A disk of the host that the flavor has; it is deleted with the server."""
    return NewDisk(
        source_type="blank",
        destination_type=LOCAL,
        boot_index=-1,
        delete_on_termination=True,
        guest_format=guest_format,
        volume_size=size,
    )


def _disk(item: RequestedDisk, image_id: str | None, flavor: Flavor) -> NewDisk:
    source = item.get("source_type")
    if source is None:
        raise exception.InvalidBDM(reason="each disk must have a source_type")
    if source == "blank" and item.get("uuid"):
        raise exception.InvalidBDM(reason="Invalid device UUID.")
    default = VOLUME if source in ("volume", "snapshot") else LOCAL
    is_volume = item.get("destination_type", default) == VOLUME
    disk = NewDisk(
        source_type=source,
        destination_type=VOLUME if is_volume else LOCAL,
        boot_index=_boot_index(item),
        delete_on_termination=True,
        device_type=item.get("device_type") or "disk",
        guest_format=item.get("guest_format"),
        disk_bus=item.get("disk_bus"),
        device_name=item.get("device_name"),
        tag=item.get("tag"),
    )
    if is_volume:
        _complete_volume(disk, item)
    else:
        _complete_local(disk, item, image_id, flavor)
    return disk


def _check_one(disk: NewDisk) -> None:
    """Repeat checks of the schema for all disks, because hosts do not check them again."""
    size, guest_format = disk.volume_size, disk.guest_format
    if size is not None and not 0 <= size <= MAX_SIZE:
        raise exception.InvalidBDM(reason=f"volume_size must be from 0 to {MAX_SIZE}")
    if guest_format is not None and guest_format not in GUEST_FORMATS:
        raise exception.InvalidBDM(reason=f"guest_format must be one of {', '.join(GUEST_FORMATS)}")
    if _is_ephemeral(disk) and not size:
        raise exception.InvalidBDM(reason="the flavor has no ephemeral disk")


def _complete_local(
    disk: NewDisk, item: RequestedDisk, image_id: str | None, flavor: Flavor
) -> None:
    """Set what only a disk of the host has; it is deleted with the server."""
    if item.get("volume_type"):
        raise exception.InvalidBDM(reason="a disk of the host has no volume_type")
    if disk.source_type in ("volume", "snapshot"):
        raise exception.InvalidBDM(
            reason=f"source_type {disk.source_type} needs destination_type volume, not local"
        )
    if disk.source_type == "image":
        if disk.boot_index != 0 or item.get("uuid") != image_id:
            raise exception.InvalidBDM(
                reason="an image can be mapped to a local disk only as the root disk: with "
                "boot_index 0 and the uuid of imageRef"
            )
        disk.image_id = image_id
    else:
        is_swap = disk.guest_format == SWAP
        disk.volume_size = _size(item) or (flavor.swap if is_swap else flavor.ephemeral_gb)


def _complete_volume(disk: NewDisk, item: RequestedDisk) -> None:
    """Set what only a volume has."""
    source = disk.source_type
    disk.volume_size, disk.volume_type = _size(item), item.get("volume_type")
    disk.delete_on_termination = strutils.bool_from_string(item.get("delete_on_termination"))
    if disk.guest_format == SWAP:
        raise exception.InvalidBDM(reason="swap is a disk of the host: destination_type local")
    if disk.volume_type and source == "volume":
        raise exception.InvalidBDM(reason="a volume that exists has a volume_type already")
    if source in ("image", "blank") and not disk.volume_size:
        raise exception.InvalidBDM(
            reason=f"a volume that is created from source_type {source} needs a volume_size in GiB"
        )
    if source == "image":
        disk.image_id = _source_id(source, item.get("uuid") or item.get("image_id"))
    elif source == "volume":
        disk.volume_id = _source_id(source, item.get("uuid") or item.get("volume_id"))
    elif source == "snapshot":
        disk.snapshot_id = _source_id(source, item.get("uuid") or item.get("snapshot_id"))


def _source_id(source: str, found: str | None) -> str:
    if found is None or not uuidutils.is_uuid_like(found):
        raise exception.InvalidBDM(reason=f"a disk of source_type {source} needs its uuid")
    return found


def _boot_index(item: RequestedDisk) -> int:
    value = item.get("boot_index")
    return -1 if value is None else int(value)


def _size(item: RequestedDisk) -> int | None:
    value = item.get("volume_size")
    return None if value is None or value == "" else int(value)


def _check_boot_order(disks: list[NewDisk]) -> None:
    indexes = sorted(disk.boot_index for disk in disks if disk.boot_index >= 0)
    if not indexes or indexes != list(range(len(indexes))):
        raise exception.InvalidBDM(
            reason="boot_index must be 0 for the root disk and count up from there, without gaps; "
            "disks that are not bootable have -1"
        )


def _check_root(disks: list[NewDisk]) -> None:
    (root,) = (disk for disk in disks if disk.boot_index == 0)
    if _is_local_blank(root):
        raise exception.InvalidBDM(reason="an empty disk of the host cannot be the root disk")


def _check_fits(disks: list[NewDisk], flavor: Flavor) -> None:
    if len(_swaps(disks)) > 1:
        raise exception.InvalidBDM(reason="more than one swap disk is requested")
    if sum(disk.volume_size or 0 for disk in _swaps(disks)) > flavor.swap:
        raise exception.InvalidBDM(
            reason=f"the swap disk is larger than the flavor's ({flavor.swap} MiB)"
        )
    if sum(disk.volume_size or 0 for disk in _ephemerals(disks)) > flavor.ephemeral_gb:
        raise exception.InvalidBDM(
            reason=f"the ephemeral disks are larger than the flavor's ({flavor.ephemeral_gb} GiB); "
            "a disk without volume_size takes all of it"
        )


def _is_ephemeral(disk: NewDisk) -> bool:
    return _is_local_blank(disk) and disk.guest_format != SWAP


def _is_local_blank(disk: NewDisk) -> bool:
    return (disk.source_type, disk.destination_type) == ("blank", LOCAL)


def _swaps(disks: list[NewDisk]) -> list[NewDisk]:
    return [disk for disk in disks if _is_local_blank(disk) and disk.guest_format == SWAP]


def _ephemerals(disks: list[NewDisk]) -> list[NewDisk]:
    return [disk for disk in disks if _is_ephemeral(disk)]
