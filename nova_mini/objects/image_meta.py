"""The metadata of an image: from Glance, or from the copy that is stored with an instance."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from oslo_utils import strutils

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance

SYSTEM_METADATA_PREFIX = "image_"
BASE_IMAGE_REF = "image_base_image_ref"

#: Item of a server's system metadata: the image of its request, if its root disk is a volume. The
#: server has no ``image_ref`` then, but the API shows this image.
REQUESTED_IMAGE = "requested_image"

#: Fields that are stored with an instance besides the properties. A snapshot inherits them.
INHERITED_FIELDS = ("min_ram", "min_disk", "disk_format", "container_format")

#: Keys of Glance's record that are neither fields of ImageMeta nor properties.
_GLANCE_INTERNAL = frozenset({"self", "file", "schema", "stores", "os_hidden"})

#: Properties that define the disks of a new server. They are not stored: the server has its disks
#: already, and a snapshot would inherit JSON text that was truncated to the column.
_NOT_STORED = frozenset(
    {"block_device_mapping", "mappings", "img_block_device_mapping", "img_mappings"}
)

_MAX_COLUMN = 255


@dataclass(slots=True)
class ImageMeta:
    """``size`` and ``virtual_size`` are in bytes, ``min_ram`` in MiB, ``min_disk`` in GiB.

    ``locations`` is None unless it was requested. It contains the URLs of the image's data, and no
    user may see it.
    """

    id: str | None = None
    name: str | None = None
    status: str | None = None
    visibility: str | None = None
    owner: str | None = None
    checksum: str | None = None
    os_hash_algo: str | None = None
    os_hash_value: str | None = None
    size: int | None = None
    virtual_size: int | None = None
    disk_format: str | None = None
    container_format: str | None = None
    min_ram: int = 0
    min_disk: int = 0
    protected: bool = False
    tags: list[str] = field(default_factory=list)
    created_at: str | None = None
    updated_at: str | None = None
    locations: list[dict[str, Any]] | None = None
    direct_url: str | None = None
    properties: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_glance(cls, image: dict[str, Any]) -> ImageMeta:
        """From an image of Glance's v2 API, which has fields and properties in one dict."""
        known = {name: image[name] for name in _FIELDS if image.get(name) is not None}
        properties = {
            key: str(value)
            for key, value in image.items()
            if key not in _FIELDS and key not in _GLANCE_INTERNAL and value is not None
        }
        return cls(**known, properties=properties)

    @classmethod
    def from_instance(cls, instance: Instance) -> ImageMeta:
        """The image at the time when the instance was built, without a request to Glance."""
        image = cls.from_system_metadata(instance.system_metadata)
        image.id = image.id or instance.image_ref or None
        return image

    @classmethod
    def from_system_metadata(cls, items: dict[str, str]) -> ImageMeta:
        """The image that :meth:`to_system_metadata` has stored in ``items``, among others."""
        stored = {
            key.removeprefix(SYSTEM_METADATA_PREFIX): value
            for key, value in items.items()
            if key.startswith(SYSTEM_METADATA_PREFIX) and key != BASE_IMAGE_REF
        }
        return cls(
            id=items.get(BASE_IMAGE_REF) or None,
            min_ram=int(stored.pop("min_ram", 0)),
            min_disk=int(stored.pop("min_disk", 0)),
            disk_format=stored.pop("disk_format", None),
            container_format=stored.pop("container_format", None),
            properties=stored,
        )

    def to_system_metadata(self, root_gb: int = 0) -> dict[str, str]:
        """The items of the system metadata of an instance that is built from this image.

        ``root_gb``: the size of the root disk, which is the least ``min_disk`` of a snapshot.
        Values are truncated to 255 characters.
        """
        stored = {k: v for k, v in self.properties.items() if k not in _NOT_STORED}
        for name in INHERITED_FIELDS:
            value = getattr(self, name)
            if value is not None:
                stored[name] = str(max(value, root_gb) if name == "min_disk" else value)
        items = {
            SYSTEM_METADATA_PREFIX + key: value[:_MAX_COLUMN]
            for key, value in stored.items()
            if len(SYSTEM_METADATA_PREFIX + key) <= _MAX_COLUMN
        }
        items[BASE_IMAGE_REF] = self.id or ""
        return items

    def get_bool(self, name: str, default: bool = False) -> bool:
        """The value of a boolean property, such as ``hw_qemu_guest_agent``."""
        return strutils.bool_from_string(self.properties.get(name), default=default)


_FIELDS = frozenset(f.name for f in fields(ImageMeta)) - {"properties"}


def is_field(name: str) -> bool:
    """Whether Glance's record has a field of this name, which is not a property."""
    return name in _FIELDS or name in _GLANCE_INTERNAL
