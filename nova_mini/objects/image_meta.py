"""What is known of an image: Glance's record, or the copy that an instance keeps of it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from oslo_utils import strutils

SYSTEM_METADATA_PREFIX = "image_"
BASE_IMAGE_REF = "image_base_image_ref"

#: Fields that an instance remembers beside the properties; a snapshot inherits them.
INHERITED_FIELDS = ("min_ram", "min_disk", "disk_format", "container_format")

#: Keys of Glance's record that are neither a field of ours nor a property of the user's.
_GLANCE_INTERNAL = frozenset({"self", "file", "schema", "stores", "os_hidden"})

_MAX_COLUMN = 255


@dataclass(slots=True)
class ImageMeta:
    """``size`` and ``virtual_size`` in bytes, ``min_ram`` in MiB, ``min_disk`` in GiB.

    ``locations`` is None unless it was asked for: it names where the image's data lies and is
    never shown to a user.
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
        """From a record of Glance's v2 API, where properties stand beside the fields."""
        known = {name: image[name] for name in _FIELDS if image.get(name) is not None}
        properties = {
            key: str(value)
            for key, value in image.items()
            if key not in _FIELDS and key not in _GLANCE_INTERNAL and value is not None
        }
        return cls(**known, properties=properties)

    @classmethod
    def from_instance(cls, instance) -> ImageMeta:
        """The image as it was when the instance was built, without asking Glance."""
        kept = {
            key.removeprefix(SYSTEM_METADATA_PREFIX): value
            for key, value in instance.system_metadata.items()
            if key.startswith(SYSTEM_METADATA_PREFIX) and key != BASE_IMAGE_REF
        }
        return cls(
            id=instance.system_metadata.get(BASE_IMAGE_REF) or instance.image_ref or None,
            min_ram=int(kept.pop("min_ram", 0)),
            min_disk=int(kept.pop("min_disk", 0)),
            disk_format=kept.pop("disk_format", None),
            container_format=kept.pop("container_format", None),
            properties=kept,
        )

    def to_system_metadata(self, root_gb: int = 0) -> dict[str, str]:
        """What an instance remembers; ``root_gb``, its root disk, is the least a snapshot needs.

        Values are cut to what a column holds.
        """
        kept = dict(self.properties)
        for name in INHERITED_FIELDS:
            value = getattr(self, name)
            if value is not None:
                kept[name] = str(max(value, root_gb) if name == "min_disk" else value)
        remembered = {
            SYSTEM_METADATA_PREFIX + key: value[:_MAX_COLUMN]
            for key, value in kept.items()
            if len(SYSTEM_METADATA_PREFIX + key) <= _MAX_COLUMN
        }
        remembered[BASE_IMAGE_REF] = self.id or ""
        return remembered

    def get_bool(self, name: str, default: bool = False) -> bool:
        """A property that says yes or no, such as ``hw_qemu_guest_agent``."""
        return strutils.bool_from_string(self.properties.get(name), default=default)


_FIELDS = frozenset(f.name for f in fields(ImageMeta)) - {"properties"}
