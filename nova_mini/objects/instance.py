"""A server: the object that every service speaks of."""

from __future__ import annotations

import functools
import json
from collections.abc import Collection

from oslo_versionedobjects import fields

from nova_mini import db, exception
from nova_mini.objects.base import NovaObject, ObjectList, TimestampedObject, register, remotable
from nova_mini.objects.fields import JsonDictField, JsonListField, NetworkInfoField
from nova_mini.objects.flavor import Flavor
from nova_mini.objects.instance_fault import InstanceFault


def _flavor_of(text: str) -> Flavor:
    """An object of the server's own: while one thread sends it, no other may hold it."""
    return Flavor().set_fields(_parsed(text))


@functools.lru_cache(maxsize=256)
def _parsed(flavor: str) -> dict:
    return json.loads(flavor)


@register
class Instance(TimestampedObject, NovaObject):
    VERSION = "1.0"

    fields = {
        "id": fields.IntegerField(),
        "uuid": fields.UUIDField(),
        "deleted": fields.BooleanField(default=False),
        "deleted_at": fields.DateTimeField(nullable=True, tzinfo_aware=False),
        "project_id": fields.StringField(nullable=True),
        "user_id": fields.StringField(nullable=True),
        "display_name": fields.StringField(nullable=True),
        "display_description": fields.StringField(nullable=True),
        "hostname": fields.StringField(nullable=True),
        "reservation_id": fields.StringField(nullable=True),
        "launch_index": fields.IntegerField(default=0),
        "flavor": fields.ObjectField("Flavor"),
        "memory_mb": fields.IntegerField(),
        "vcpus": fields.IntegerField(),
        "root_gb": fields.IntegerField(),
        "ephemeral_gb": fields.IntegerField(),
        "image_ref": fields.StringField(nullable=True),
        "kernel_id": fields.StringField(nullable=True),
        "ramdisk_id": fields.StringField(nullable=True),
        "os_type": fields.StringField(nullable=True),
        "architecture": fields.StringField(nullable=True),
        "key_name": fields.StringField(nullable=True),
        "key_data": fields.StringField(nullable=True),
        "user_data": fields.StringField(nullable=True),
        "config_drive": fields.StringField(nullable=True),
        "auto_disk_config": fields.BooleanField(default=False),
        "access_ip_v4": fields.StringField(nullable=True),
        "access_ip_v6": fields.StringField(nullable=True),
        "metadata": JsonDictField(),
        "system_metadata": JsonDictField(),
        "security_groups": JsonListField(),
        "network_info": NetworkInfoField(),
        "root_device_name": fields.StringField(nullable=True),
        "default_ephemeral_device": fields.StringField(nullable=True),
        "default_swap_device": fields.StringField(nullable=True),
        "vm_state": fields.StringField(),
        "task_state": fields.StringField(nullable=True),
        "power_state": fields.IntegerField(default=0),
        "progress": fields.IntegerField(default=0),
        "locked": fields.BooleanField(default=False),
        "locked_by": fields.StringField(nullable=True),
        "locked_reason": fields.StringField(nullable=True),
        "launched_at": fields.DateTimeField(nullable=True, tzinfo_aware=False),
        "terminated_at": fields.DateTimeField(nullable=True, tzinfo_aware=False),
        "availability_zone": fields.StringField(nullable=True),
        "pinned_availability_zone": fields.StringField(nullable=True),
        "host": fields.StringField(nullable=True),
        "node": fields.StringField(nullable=True),
        "launched_on": fields.StringField(nullable=True),
        # beside the row: loaded by those who ask for them
        "tags": JsonListField(),
        "fault": fields.ObjectField("InstanceFault", nullable=True),
        # The action, "<id>:<owner>", that the holder of this object is doing: every save is made
        # only while it still holds it.
        "claim": fields.StringField(nullable=True),
    }
    _NOT_COLUMNS = frozenset({"id", "uuid", "tags", "fault", "claim", "created_at", "updated_at"})

    def __repr__(self) -> str:
        """As a log line begins that is about it. The rest may be its user's secret."""
        return f"[instance: {self.uuid}] " if self.obj_attr_is_set("uuid") else "[instance] "

    @property
    def name(self) -> str:
        """The name of the domain at the hypervisor."""
        return f"instance-{self.id:08x}"

    @property
    def is_volume_backed(self) -> bool:
        """Whether its root disk is a volume and not made from an image on its host."""
        return not self.image_ref

    def get_flavor(self) -> Flavor:
        return self.flavor

    @classmethod
    def from_row(cls, context, row) -> Instance:
        values = dict(row)
        values["flavor"] = _flavor_of(values["flavor"])
        return cls(context).set_fields(values)

    def columns(self) -> dict:
        """The changed fields as the table keeps them."""
        values = {
            name: value
            for name, value in self.obj_get_changes().items()
            if name not in self._NOT_COLUMNS
        }
        if "flavor" in values:
            values["flavor"] = json.dumps(self.flavor.as_dict())
            values["instance_type_id"] = self.flavor.id
        if "network_info" in values:
            values["network_info"] = self.network_info.to_json()
        return values

    @classmethod
    @remotable
    def get_by_uuid(cls, context, uuid: str, read_deleted: bool = False) -> Instance:
        """Raises InstanceNotFound."""
        row = db.instances.get_by_uuid(uuid, read_deleted)
        if row is None:
            raise exception.InstanceNotFound(instance_id=uuid)
        return cls.from_row(context, row)

    @remotable
    def save(self, expected_task_state=None, expected_vm_state=None) -> None:
        """Write the changed fields, if the server is still in an expected state. One that was made
        ``deleted`` gives back all that it held: see :meth:`destroy`.

        ``expected_task_state``: one value, or a list of them (None is a value inside a list).
        Raises UnexpectedTaskStateError, InstanceOwnershipLost (another process does this action
        now: stop and clean up), InstanceNotFound (deleted meanwhile).
        """
        self.write(expected_task_state, expected_vm_state)
        self.obj_reset_changes()

    def write(self, expected_task_state=None, expected_vm_state=None) -> None:
        """:meth:`save` as a part of a transaction. The changes stay changes: a transaction that
        breaks is done again, and has them to write again."""
        values = self.columns()
        if values.get("deleted"):
            db.instances.destroy(self.uuid)
        elif values:
            db.instances.update(
                self.uuid,
                values,
                expected_task_state=_as_list(expected_task_state),
                expected_vm_state=_as_list(expected_vm_state),
                claim=self._claim(),
            )

    def _claim(self) -> tuple[int, str] | None:
        if not self.obj_attr_is_set("claim") or not self.claim:
            return None
        action_id, owner = self.claim.split(":")
        return int(action_id), owner

    @remotable
    def refresh(self) -> None:
        """Take the row's values, keep the claim."""
        row = db.instances.get_by_uuid(self.uuid, read_deleted=True)
        if row is None:
            raise exception.InstanceNotFound(instance_id=self.uuid)
        fresh = Instance.from_row(self._context, row)
        for name in fresh.fields:
            if fresh.obj_attr_is_set(name):
                setattr(self, name, getattr(fresh, name))
        self.obj_reset_changes()

    @remotable
    def destroy(self) -> None:
        """Mark it deleted and give back its quota, allocation and records. Already done is fine."""
        db.instances.destroy(self.uuid)

    @classmethod
    @remotable
    def update_network_info(cls, context, uuid: str, network_info: str) -> None:
        """Refresh the cached network information (JSON); a server that is gone is fine.

        Without a claim: it never touches what an operation decides.
        """
        db.instances.update_network_info(uuid, network_info)

    @classmethod
    @remotable
    def not_of_host(cls, context, uuids: list[str], host: str) -> list[str]:
        """Those of ``uuids`` that have no business on ``host``: deleted, another host's or shelved
        and on none.

        A server that is unknown, not placed yet, or has an unfinished action here is left alone.
        """
        return db.instances.not_of_host(uuids, host)

    @classmethod
    @remotable
    def deleted_among(cls, context, uuids: list[str]) -> list[str]:
        """Which of these were servers of ours and are deleted: their leftovers may be swept."""
        return db.instances.deleted_among(uuids)

    @classmethod
    @remotable
    def unknown_among(cls, context, uuids: list[str]) -> list[str]:
        """Which of these no record knows, not even as deleted."""
        return sorted(set(uuids) - db.instances.get_ends(uuids).keys())

    @remotable
    def release_allocation(self) -> None:
        """Give back what the scheduler claimed for it; nothing claimed is fine."""
        db.allocations.release(self.uuid)

    @remotable
    def load_tags(self) -> None:
        self.tags = db.instances.get_tags([self.uuid]).get(self.uuid, [])
        self.obj_reset_changes(["tags"])

    def change_metadata(
        self, added: dict[str, str], removed: Collection[str] | None = (), allowed: int = -1
    ) -> None:
        """Add and remove items (``removed`` None: all that are not added); two changes at once
        both last. Raises OverQuota when there were more than ``allowed`` then (-1: any number).
        """
        change = db.session.retried(db.instances.change_metadata)
        self.metadata = change(self.uuid, added, removed, allowed)
        self.obj_reset_changes(["metadata"])

    @remotable
    def set_tags(self, tags: list[str]) -> None:
        """These and no others."""
        db.instances.set_tags(self.uuid, tags)

    @remotable
    def add_tag(self, tag: str) -> None:
        """One that it has already is fine."""
        db.instances.add_tag(self.uuid, tag)

    @remotable
    def remove_tag(self, tag: str) -> None:
        db.instances.remove_tag(self.uuid, tag)


def _as_list(states) -> Collection | None:
    if states is None or isinstance(states, (list, tuple, set)):
        return states
    return [states]


@register
class InstanceList(ObjectList):
    VERSION = "1.0"
    fields = {"objects": fields.ListOfObjectsField("Instance")}

    @classmethod
    @remotable
    def get_by_host(cls, context, host: str) -> InstanceList:
        return cls.of(
            context, (Instance.from_row(context, r) for r in db.instances.get_by_host(host))
        )

    @classmethod
    @remotable
    def get_states(cls, context, host: str) -> list:
        """[uuid, vm_state, task_state, power_state] of each server there: asked each minute."""
        return db.instances.get_states(host)

    @classmethod
    @remotable
    def get_by_uuids(cls, context, uuids: list[str]) -> InstanceList:
        return cls.of(
            context, (Instance.from_row(context, r) for r in db.instances.get_by_uuids(uuids))
        )

    @classmethod
    @remotable
    def get_hosts(cls, context, uuids: list[str]) -> dict[str, str | None]:
        """uuid -> host of each living server; None where it has none yet."""
        return db.instances.get_hosts(uuids)

    def load_faults(self) -> None:
        """The newest fault of each; one query, and none when no server can have one."""
        failed = [i.uuid for i in self if i.vm_state == "error" or i.deleted]
        faults = db.instances.get_latest_faults(failed) if failed else {}
        for instance in self:
            row = faults.get(instance.uuid)
            instance.fault = InstanceFault.from_row(self._context, row) if row else None

    def load_tags(self) -> None:
        """The tags of each; one query."""
        found = db.instances.get_tags([i.uuid for i in self]) if len(self) else {}
        for instance in self:
            instance.tags = found.get(instance.uuid, [])
