"""Checks of the images, volumes and snapshots from which the disks of a new server are made."""

from __future__ import annotations

from collections.abc import Callable

from nova_mini import exception
from nova_mini.compute.requests import image_checks
from nova_mini.compute.requests.server_request import ServerRequest
from nova_mini.compute.requests.volume_request import check_volume_service
from nova_mini.conf import CONF
from nova_mini.context import RequestContext
from nova_mini.objects.block_device_mapping import NewDisk
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.volume import cinder

# Items of a volume's image metadata that are not properties of the image.
_NOT_PROPERTIES = frozenset(
    {
        "image_id",
        "image_name",
        "size",
        "checksum",
        "min_ram",
        "min_disk",
        "disk_format",
        "container_format",
        "signature_verified",
    }
)

_MAX_DIGITS = 10  # of a number in an INTEGER column


class BootSources:
    """The sources of one request. ``get_image(image id)`` reads images as the user."""

    def __init__(
        self,
        context: RequestContext,
        volume_api: cinder.API,
        get_image: Callable[[str], ImageMeta],
        request: ServerRequest,
    ):
        self._context = context
        self._volume_api = volume_api
        self._get_image = get_image
        self._request = request

    def resolve(self, disks: list[NewDisk], zone: str | None) -> ImageMeta:
        """Check that every source can be used, and set the sizes of ``disks``.

        Returns the image from which the server boots; its ``id`` is None for a server that boots
        from a volume. Raises Invalid; the message says what to change.
        """
        if any(disk.destination_type == "volume" for disk in disks):
            check_volume_service()
        maximum = CONF.compute.max_disk_devices_to_attach
        if 0 <= maximum < len(disks):
            raise exception.TooManyDiskDevices(maximum=maximum)
        _check_each_once(disks)
        of_root, *_ = [self._check(disk, zone) for disk in disks]
        if disks[0].destination_type == "volume" and self._request.image_ref:
            return self._image_named_with_volume(disks[0], self._request.image_ref)
        return of_root or ImageMeta(status="active")  # an empty volume has no image

    def _image_named_with_volume(self, root: NewDisk, image_ref: str) -> ImageMeta:
        """The image that the user names although the server boots from a volume: its properties
        describe the guest, and a new volume must have its ``min_disk``."""
        image = self._get_image(image_ref)
        is_new = root.source_type in ("blank", "image")
        if is_new and image.min_disk > (root.volume_size or 0):
            raise exception.InvalidBDM(
                reason=f"image {image.id} needs a volume of {image.min_disk} GiB at least"
            )
        return self._booted(root, image)

    def _check(self, disk: NewDisk, zone: str | None) -> ImageMeta | None:
        match disk.source_type, disk.destination_type:
            case "image", "local":
                image = self._get_image(_source_of(disk.image_id))
                image_checks.check_fits(image, self._request.flavor)
                return image
            case "image", "volume":
                return self._check_image(disk)
            case "volume", "volume":
                return self._check_volume(disk, zone)
            case "snapshot", "volume":
                return self._check_snapshot(disk)
        return None

    def _check_image(self, disk: NewDisk) -> ImageMeta:
        image = self._get_image(_source_of(disk.image_id))
        image_checks.check_fits_volume(image, disk.volume_size or 0)
        return self._booted(disk, image)

    def _check_volume(self, disk: NewDisk, zone: str | None) -> ImageMeta:
        volume = self._get_volume(_source_of(disk.volume_id))
        cinder.check_attach(volume, zone)
        if volume.encrypted:
            self._volume_api.get_encryption(self._context, volume.id)
        if volume.multiattach and not self._request.supports_multiattach:
            raise exception.MultiattachNotSupported(volume_id=volume.id)
        if self._request.max_count > 1 and not volume.multiattach:
            raise exception.InvalidBDM(
                reason=f"volume {volume.id} can be attached to one server only; request one server"
            )
        # A user who names an image as well says what the volume holds; Cinder does not know it.
        if disk.boot_index == 0 and not volume.bootable and not self._request.image_ref:
            raise exception.InvalidBDM(reason=f"volume {volume.id} is not bootable")
        disk.volume_size = volume.size
        return self._booted(disk, _image_of(volume))

    def _check_snapshot(self, disk: NewDisk) -> ImageMeta:
        try:
            snapshot = self._volume_api.get_snapshot(self._context, _source_of(disk.snapshot_id))
        except exception.SnapshotNotFound as exc:
            raise exception.InvalidBDM(reason=exc.format_message()) from exc
        if snapshot.status != "available":
            raise exception.InvalidBDM(
                reason=f"snapshot {snapshot.id} is {snapshot.status}, not available"
            )
        if disk.volume_size and disk.volume_size < snapshot.size:
            raise exception.InvalidBDM(
                reason=f"snapshot {snapshot.id} needs a volume of {snapshot.size} GiB at least"
            )
        disk.volume_size = disk.volume_size or snapshot.size
        if disk.boot_index != 0:
            return ImageMeta()
        return self._booted(disk, _image_of(self._get_volume(snapshot.volume_id)))

    def _get_volume(self, volume_id: str) -> cinder.Volume:
        try:
            return self._volume_api.get(self._context, volume_id)
        except exception.VolumeNotFound as exc:
            raise exception.InvalidBDM(reason=exc.format_message()) from exc

    def _booted(self, disk: NewDisk, image: ImageMeta) -> ImageMeta:
        """Return ``image`` without its id: the root disk of the server is a volume."""
        if disk.boot_index == 0:
            image_checks.check_runs(image, self._request.flavor)
        return ImageMeta(
            status=image.status,
            disk_format=image.disk_format,
            container_format=image.container_format,
            min_ram=image.min_ram,
            min_disk=image.min_disk,
            properties=image.properties,
        )


def _source_of(source_id: str | None) -> str:
    """The id of the source, which ``block_device_request`` has set for the disk's source_type."""
    if source_id is None:
        raise ValueError("the disk has no source")
    return source_id


def _image_of(volume: cinder.Volume) -> ImageMeta:
    """The image of which the volume was made. Users can edit this metadata: raises InvalidBDM."""
    metadata = volume.image_metadata
    return ImageMeta(
        status="active",
        min_ram=_number(volume, "min_ram"),
        min_disk=_number(volume, "min_disk"),
        properties={name: str(v) for name, v in metadata.items() if name not in _NOT_PROPERTIES},
    )


def _number(volume: cinder.Volume, name: str) -> int:
    value = str(volume.image_metadata.get(name) or 0)
    if not (value.isascii() and value.isdecimal() and len(value) <= _MAX_DIGITS):
        raise exception.InvalidBDM(
            reason=f"the image metadata of volume {volume.id} has a {name} that is not a number"
        )
    return int(value)


def _check_each_once(disks: list[NewDisk]) -> None:
    volumes = [disk.volume_id for disk in disks if disk.volume_id]
    if len(volumes) != len(set(volumes)):
        raise exception.InvalidBDM(reason="a volume can be requested only once")
