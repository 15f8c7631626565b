"""What the disks of a new server are made from: whether it is there, and what it says of itself."""

from __future__ import annotations

from collections.abc import Callable

from nova_mini import exception
from nova_mini.compute import image_checks
from nova_mini.compute.server_request import ServerRequest
from nova_mini.compute.volume_request import check_volume_service
from nova_mini.conf import CONF
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.volume import cinder

# What a volume tells of its image beside the image's properties.
_NOT_PROPERTIES = frozenset(
    {"image_id", "image_name", "size", "checksum", "min_ram", "min_disk", "disk_format",
     "container_format", "signature_verified"}
)  # fmt: skip


class BootSources:
    """For one request. ``get_image(image id)`` is of the caller's user."""

    def __init__(
        self,
        context,
        volume_api: cinder.API,
        get_image: Callable[[str], ImageMeta],
        request: ServerRequest,
    ):
        self._context = context
        self._volume_api = volume_api
        self._get_image = get_image
        self._request = request

    def resolve(self, mappings: list[dict], zone: str | None) -> ImageMeta:
        """See that every source can be used, and write sizes into the mappings.

        Returns what is known of the image that the server runs; its ``id`` is None for a server
        that boots from a volume. Raises Invalid with what to change.
        """
        if any(mapping["destination_type"] == "volume" for mapping in mappings):
            check_volume_service()
        maximum = CONF.compute.max_disk_devices_to_attach
        if 0 <= maximum < len(mappings):
            raise exception.TooManyDiskDevices(maximum=maximum)
        _check_each_once(mappings)
        images = [self._check(mapping, zone) for mapping in mappings]
        return images[0]

    def _check(self, mapping: dict, zone: str | None) -> ImageMeta | None:
        match mapping["source_type"], mapping["destination_type"]:
            case "image", "local":
                image = self._get_image(mapping["image_id"])
                image_checks.check_fits(image, self._request.flavor)
                return image
            case "image", "volume":
                return self._check_image(mapping)
            case "volume", "volume":
                return self._check_volume(mapping, zone)
            case "snapshot", "volume":
                return self._check_snapshot(mapping)
        return None

    def _check_image(self, mapping: dict) -> ImageMeta:
        image = self._get_image(mapping["image_id"])
        image_checks.check_fits_volume(image, mapping["volume_size"])
        return self._booted(mapping, image)

    def _check_volume(self, mapping: dict, zone: str | None) -> ImageMeta:
        volume = self._get_volume(mapping["volume_id"])
        cinder.check_attach(volume, zone)
        if volume.multiattach and not self._request.supports_multiattach:
            raise exception.MultiattachNotSupported(volume_id=volume.id)
        if self._request.max_count > 1 and not volume.multiattach:
            raise exception.InvalidBDM(
                reason=f"volume {volume.id} can be given to one server only; ask for one server"
            )
        if mapping["boot_index"] == 0 and not volume.bootable:
            raise exception.InvalidBDM(reason=f"volume {volume.id} is not bootable")
        mapping["volume_size"] = volume.size
        return self._booted(mapping, _image_of(volume))

    def _check_snapshot(self, mapping: dict) -> ImageMeta:
        try:
            snapshot = self._volume_api.get_snapshot(self._context, mapping["snapshot_id"])
        except exception.SnapshotNotFound as exc:
            raise exception.InvalidBDM(reason=exc.format_message()) from exc
        if snapshot.status != "available":
            raise exception.InvalidBDM(
                reason=f"snapshot {snapshot.id} is {snapshot.status}, not available"
            )
        if mapping["volume_size"] and mapping["volume_size"] < snapshot.size:
            raise exception.InvalidBDM(
                reason=f"snapshot {snapshot.id} needs a volume of {snapshot.size} GiB at least"
            )
        mapping["volume_size"] = mapping["volume_size"] or snapshot.size
        if mapping["boot_index"] != 0:
            return ImageMeta()
        return self._booted(mapping, _image_of(self._get_volume(snapshot.volume_id)))

    def _get_volume(self, volume_id: str) -> cinder.Volume:
        try:
            return self._volume_api.get(self._context, volume_id)
        except exception.VolumeNotFound as exc:
            raise exception.InvalidBDM(reason=exc.format_message()) from exc

    def _booted(self, mapping: dict, image: ImageMeta) -> ImageMeta:
        """``image`` as that of a server whose root disk is a volume."""
        if mapping["boot_index"] == 0:
            image_checks.check_runs(image, self._request.flavor)
        return ImageMeta(
            status=image.status,
            disk_format=image.disk_format,
            container_format=image.container_format,
            min_ram=image.min_ram,
            min_disk=image.min_disk,
            properties=image.properties,
        )


def _image_of(volume: cinder.Volume) -> ImageMeta:
    told = volume.image_metadata
    return ImageMeta(
        status="active",
        min_ram=int(told.get("min_ram") or 0),
        min_disk=int(told.get("min_disk") or 0),
        properties={name: str(v) for name, v in told.items() if name not in _NOT_PROPERTIES},
    )


def _check_each_once(mappings: list[dict]) -> None:
    volumes = [mapping["volume_id"] for mapping in mappings if mapping["volume_id"]]
    if len(volumes) != len(set(volumes)):
        raise exception.InvalidBDM(reason="a volume can be asked for only once")
