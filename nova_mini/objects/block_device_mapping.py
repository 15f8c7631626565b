"""A disk of a server, as the user asked for it and as it came to be."""

from __future__ import annotations

from oslo_versionedobjects import fields

from nova_mini import db, exception
from nova_mini.objects.base import NovaObject, ObjectList, TimestampedObject, register, remotable


@register
class BlockDeviceMapping(TimestampedObject, NovaObject):
    """``source_type``: image, volume, snapshot, blank; ``destination_type``: local, volume.

    ``volume_size`` is GiB, for swap (blank, local, guest_format swap) MiB. ``connection_info`` is
    JSON text and may hold keys: it never leaves the services.
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
    def from_row(cls, context, row) -> BlockDeviceMapping:
        return cls(context).set_fields(row)

    @classmethod
    def new(cls, context, **values) -> BlockDeviceMapping:
        """One that is not in the database yet; what ``values`` do not say is None."""
        bdm = cls(context, **values)
        for name, field in cls.fields.items():
            if field.nullable and name not in (*values, *TimestampedObject.fields):
                setattr(bdm, name, None)
        return bdm

    @classmethod
    @remotable
    def get_by_uuid(cls, context, uuid: str) -> BlockDeviceMapping | None:
        """None when it is gone, as a disk is that was detached."""
        row = db.block_device_mappings.get_by_uuid(uuid)
        return None if row is None else cls.from_row(context, row)

    @classmethod
    @remotable
    def get_by_volume(cls, context, instance_uuid: str, volume_id: str) -> BlockDeviceMapping:
        """Raises VolumeNotAttached."""
        row = db.block_device_mappings.get_by_volume(instance_uuid, volume_id)
        if row is None:
            raise exception.VolumeNotAttached(instance_uuid=instance_uuid, volume_id=volume_id)
        return cls.from_row(context, row)

    @remotable
    def create(self, action_id: int) -> None:
        """For an action that goes on. Raises ActionInterrupted when it does not any more."""
        row = db.block_device_mappings.create_for_action(self.obj_get_changes(), action_id)
        if row is None:
            raise exception.ActionInterrupted(reason=f"action {action_id} has ended")
        self.set_fields(row)

    @remotable
    def save(self, action_id: int | None = None) -> None:
        """``action_id``: for an action that goes on. Raises BlockDeviceMappingNotFound when it is
        gone, or the action has ended."""
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
    def get_by_instance_uuid(cls, context, instance_uuid: str) -> BlockDeviceMappingList:
        rows = db.block_device_mappings.get_by_instances([instance_uuid])
        return cls.of(context, (BlockDeviceMapping.from_row(context, row) for row in rows))

    @classmethod
    @remotable
    def get_by_instance_uuids(cls, context, uuids: list[str]) -> BlockDeviceMappingList:
        rows = db.block_device_mappings.get_by_instances(uuids)
        return cls.of(context, (BlockDeviceMapping.from_row(context, row) for row in rows))
