"""Block device mappings: the disks of servers, as requested and as created."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from oslo_versionedobjects import fields

from nova_mini import db, exception
from nova_mini.objects.base import NovaObject, ObjectList, TimestampedObject, register, remotable

if TYPE_CHECKING:
    from nova_mini.context import RequestContext

#: The file systems with which a host can format empty disks. The names are used in commands and
#: paths of the host, so no other names are accepted.
FILE_SYSTEMS = ("ext2", "ext3", "ext4", "ntfs", "vfat", "xfs")
SWAP = "swap"
GUEST_FORMATS = (SWAP, *FILE_SYSTEMS)

#: The largest size of a disk (GiB, of swap MiB): what an INTEGER column holds.
MAX_SIZE = 0x7FFFFFFF


class RequestedVolume(TypedDict):
    """Fields of the mapping of a volume that are known before the host chooses its device name."""

    uuid: str
    volume_id: str
    device_name: str | None
    device_type: str
    tag: str | None
    delete_on_termination: bool


@dataclass(slots=True, kw_only=True)
class NewDisk:
    """A disk of a new server, with fields of :class:`BlockDeviceMapping`."""

    source_type: str
    destination_type: str
    boot_index: int
    delete_on_termination: bool
    device_type: str = "disk"
    guest_format: str | None = None
    disk_bus: str | None = None
    device_name: str | None = None
    tag: str | None = None
    image_id: str | None = None
    volume_id: str | None = None
    snapshot_id: str | None = None
    volume_size: int | None = None
    volume_type: str | None = None


@dataclass(slots=True, kw_only=True)
class NewMapping(NewDisk):
    """The mapping of a disk of a new server, with the values of a row."""

    uuid: str
    instance_uuid: str


@register
class BlockDeviceMapping(TimestampedObject, NovaObject):
    """``source_type``: image, volume, snapshot, blank; ``destination_type``: local, volume.

    ``volume_size`` is in GiB; for swap (blank, local, guest_format swap) in MiB.
    ``connection_info`` is JSON text. It may contain keys, so no user may see it.
    """

    VERSION = "1.0"

    fields = {
        "id": fields.IntegerField(),
        "uuid": fields.UUIDField(),
        "instance_uuid": fields.UUIDField(),
        "source_type": fields.StringField(),
        "destination_type": fields.StringField(),
        "guest_format": fields.StringField(nullable=True),
        "device_type": fields.StringField(nullable=True),
        "disk_bus": fields.StringField(nullable=True),
        "boot_index": fields.IntegerField(nullable=True),
        "device_name": fields.StringField(nullable=True),
        "delete_on_termination": fields.BooleanField(default=False),
        "snapshot_id": fields.StringField(nullable=True),
        "volume_id": fields.StringField(nullable=True),
        "volume_size": fields.IntegerField(nullable=True),
        "volume_type": fields.StringField(nullable=True),
        "image_id": fields.StringField(nullable=True),
        "attachment_id": fields.StringField(nullable=True),
        "connection_info": fields.SensitiveStringField(nullable=True),
        "tag": fields.StringField(nullable=True),
    }

    @property
    def is_root(self) -> bool:
        return self.boot_index == 0

    @property
    def is_volume(self) -> bool:
        return self.destination_type == "volume"

    @classmethod
    def from_row(cls, context: RequestContext, row: Mapping[str, Any]) -> BlockDeviceMapping:
        return cls(context).set_fields(row)

    @classmethod
    def new(cls, context: RequestContext, **values: Any) -> BlockDeviceMapping:
        """A mapping that is not in the database yet. Fields that are not in ``values`` are None."""
        bdm = cls(context, **values)
        for name, field in cls.fields.items():
            if field.nullable and name not in (*values, *TimestampedObject.fields):
                setattr(bdm, name, None)
        return bdm

    @classmethod
    @remotable
    def get_by_uuid(cls, context: RequestContext, uuid: str) -> BlockDeviceMapping | None:
        """None when there is none, for example because the disk was detached."""
        row = db.block_device_mappings.get_by_uuid(uuid)
        return None if row is None else cls.from_row(context, row)

    @classmethod
    @remotable
    def get_by_volume(
        cls, context: RequestContext, instance_uuid: str, volume_id: str
    ) -> BlockDeviceMapping:
        """Raises VolumeNotAttached."""
        row = db.block_device_mappings.get_by_volume(instance_uuid, volume_id)
        if row is None:
            raise exception.VolumeNotAttached(instance_uuid=instance_uuid, volume_id=volume_id)
        return cls.from_row(context, row)

    @remotable
    def create(self, action_id: int) -> None:
        """Insert it on behalf of an unfinished action. Raises ActionInterrupted when the action is
        finished."""
        row = db.block_device_mappings.create_for_action(self.obj_get_changes(), action_id)
        if row is None:
            raise exception.ActionInterrupted(reason=f"action {action_id} is finished")
        self.set_fields(row)

    @remotable
    def save(self, action_id: int | None = None) -> None:
        """Write the changes; with ``action_id`` only if that action is unfinished.

        Raises BlockDeviceMappingNotFound when the mapping is deleted or the action is finished.
        """
        changes = self.obj_get_changes()
        if changes and not db.block_device_mappings.update(self.id, changes, action_id):
            raise exception.BlockDeviceMappingNotFound(id=self.id)
        self.obj_reset_changes()

    @remotable
    def destroy(self) -> None:
        db.block_device_mappings.destroy(self.id)


@register
class BlockDeviceMappingList(ObjectList):
    VERSION = "1.0"
    fields = {"objects": fields.ListOfObjectsField("BlockDeviceMapping")}

    @classmethod
    @remotable
    def get_by_instance_uuid(
        cls, context: RequestContext, instance_uuid: str
    ) -> BlockDeviceMappingList:
        rows = db.block_device_mappings.get_by_instances([instance_uuid])
        return cls.of(context, (BlockDeviceMapping.from_row(context, row) for row in rows))

    @classmethod
    @remotable
    def get_by_instance_uuids(
        cls, context: RequestContext, uuids: list[str]
    ) -> BlockDeviceMappingList:
        rows = db.block_device_mappings.get_by_instances(uuids)
        return cls.of(context, (BlockDeviceMapping.from_row(context, row) for row in rows))
