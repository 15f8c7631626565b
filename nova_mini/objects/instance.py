"""Instances: the servers, as versioned objects."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from oslo_utils import versionutils
from oslo_versionedobjects import fields

from nova_mini import db, exception
from nova_mini.numa.guest import GuestTopology
from nova_mini.objects import instance_changes
from nova_mini.objects.base import NovaObject, TimestampedObject, register, remotable
from nova_mini.objects.fields import JsonDictField, JsonListField, NetworkInfoField
from nova_mini.objects.flavor import Flavor
from nova_mini.states import vm_states

if TYPE_CHECKING:
    from nova_mini.context import RequestContext


def _flavor_of(text: str) -> Flavor:
    """A new object for each server: an object must not be shared while a thread serializes it."""
    return Flavor().set_fields(_parsed(text))


@functools.lru_cache(maxsize=256)
def _parsed(flavor: str) -> dict[str, Any]:
    return json.loads(flavor)


# Fields that only requests of users change. They are saved without a comparison of the revision:
# of concurrent requests the last one wins.
_LAST_REQUEST_WINS = frozenset(
    {"display_name", "display_description", "access_ip_v4", "access_ip_v6"}
)


@register
class Instance(TimestampedObject, NovaObject):
    # 1.1: adds revision and system_metadata_changes; save() and update_network_info() compare the
    # revision. 1.2: adds numa_topology.
    VERSION = "1.2"

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
        "numa_topology": JsonDictField(nullable=True),  # see :attr:`numa`
        # In other tables: loaded by load_tags() and load_faults().
        "tags": JsonListField(),
        "fault": fields.ObjectField("InstanceFault", nullable=True),
        # "<action id>:<owner>" of the action that the holder of this object executes. save() writes
        # only while the owner still owns the action.
        "claim": fields.StringField(nullable=True),
        # Increased by every change of the row, and when an action begins or ends.
        "revision": fields.IntegerField(default=0),
        # Items to write; None: remove the item. See change_system_metadata().
        "system_metadata_changes": JsonDictField(default={}),
    }
    _NOT_COLUMNS = frozenset(
        {"id", "uuid", "tags", "fault", "claim", "created_at", "updated_at", "revision"}
    )

    # What the database has, if this process has read it.
    stored: instance_changes.Summary | None = None

    def __repr__(self) -> str:
        """The prefix of a log line. Other fields may contain secrets of the user."""
        return f"[instance: {self.uuid}] " if self.obj_attr_is_set("uuid") else "[instance] "

    @property
    def name(self) -> str:
        """The name of the domain at the hypervisor."""
        return f"instance-{self.id:08x}"

    @property
    def is_volume_backed(self) -> bool:
        """Whether the root disk is a volume."""
        return not self.image_ref

    @property
    def numa(self) -> GuestTopology | None:
        """Its NUMA nodes with their places on its host. None: it has not requested any."""
        stored = self.numa_topology if self.obj_attr_is_set("numa_topology") else None
        return GuestTopology.from_dict(stored) if stored else None

    def get_flavor(self) -> Flavor:
        return self.flavor

    def set_flavor(self, flavor: Flavor) -> None:
        """Set the flavor, and the sizes that the record repeats; not saved."""
        self.flavor = flavor
        self.memory_mb, self.vcpus = flavor.memory_mb, flavor.vcpus
        self.root_gb, self.ephemeral_gb = flavor.root_gb, flavor.ephemeral_gb

    @classmethod
    def from_row(cls, context: RequestContext, row: Mapping[str, Any]) -> Instance:
        values = dict(row)
        values["flavor"] = _flavor_of(values["flavor"])
        instance = cls(context).set_fields(values)
        if instance_changes.is_wanted():
            instance.stored = instance.summary()
        return instance

    def summary(self) -> instance_changes.Summary:
        return instance_changes.Summary(self.vm_state, self.task_state, self.display_name)

    def obj_make_compatible(self, primitive: dict[str, Any], target_version: str) -> None:
        super().obj_make_compatible(primitive, target_version)
        version = versionutils.convert_version_to_tuple(target_version)
        if version < (1, 2):
            primitive.pop("numa_topology", None)
        if version < (1, 1):
            for name in ("revision", "system_metadata_changes"):
                primitive.pop(name, None)

    def columns(self) -> dict[str, Any]:
        """The changed fields as values of columns. Call it in the transaction that writes them.

        Raises InstanceNotFound.
        """
        values = {
            name: value
            for name, value in self.obj_get_changes().items()
            if name not in self._NOT_COLUMNS
        }
        if changes := values.pop("system_metadata_changes", None):
            added = {name: value for name, value in changes.items() if value is not None}
            removed = changes.keys() - added.keys()
            values["system_metadata"] = db.instance_updates.change_system_metadata(
                self.uuid, added, removed
            )
        if "flavor" in values:
            values["flavor"] = json.dumps(self.flavor.as_dict())
            values["instance_type_id"] = self.flavor.id
        if "network_info" in values:
            values["network_info"] = self.network_info.to_json()
        return values

    @classmethod
    @remotable
    def get_by_uuid(
        cls, context: RequestContext, uuid: str, read_deleted: bool = False
    ) -> Instance:
        """Raises InstanceNotFound."""
        row = db.instances.get_by_uuid(uuid, read_deleted)
        if row is None:
            raise exception.InstanceNotFound(instance_id=uuid)
        return cls.from_row(context, row)

    def update_system_metadata(self, items: dict[str, str | None]) -> None:
        """Set items (not saved); None removes one."""
        added = {name: value for name, value in items.items() if value is not None}
        self.change_system_metadata(added, removed=items.keys() - added.keys())

    system_metadata: dict[str, str]
    system_metadata_changes: dict[str, str | None]

    def change_system_metadata(self, added: dict[str, str], removed: Collection[str] = ()) -> None:
        """Set and remove items; not saved. Concurrent changes of other items are not lost, so this
        is the only way to change the system metadata of a server in the database."""
        changes = {**dict.fromkeys(removed), **added}
        unchanged = {name: v for name, v in self.system_metadata.items() if name not in changes}
        self.system_metadata = {**unchanged, **added}
        self.obj_reset_changes(["system_metadata"])
        pending = self.system_metadata_changes if self._changes_system_metadata() else {}
        self.system_metadata_changes = {**pending, **changes}

    def _changes_system_metadata(self) -> bool:
        return "system_metadata_changes" in self.obj_what_changed()

    def forget_changes(self) -> None:
        """Mark all fields as unchanged. Called when the changes are committed."""
        if self._changes_system_metadata():
            self.system_metadata_changes = {}
        self.obj_reset_changes()
        if self.stored:
            self.stored = self.summary()

    @remotable
    def save(
        self,
        expected_task_state: str | Collection[str | None] | None = None,
        expected_vm_state: str | Collection[str] | None = None,
    ) -> None:
        """Write the changed fields. If ``deleted`` was set, release its resources too: see
        :meth:`destroy`.

        With a claim, the fields are written only while the owner still owns the action. Without
        one, they are written only if the server was not changed since it was read, and no action
        has begun or ended since; the fields of ``_LAST_REQUEST_WINS`` are written in any case.

        ``expected_task_state``: one value, or a list of values (in which None is a value).
        Raises UnexpectedTaskStateError, InstanceOwnershipLost (another process owns the action now:
        stop and clean up), InstanceChanged (without a claim: read it again), InstanceNotFound (it
        was deleted).
        """
        # A compute of release 0.1.0 does not know revisions; it gives the states that it expects.
        has_revision = self.obj_attr_is_set("revision")
        is_assignment = self.obj_what_changed() <= _LAST_REQUEST_WINS
        compare = has_revision and not self._claim() and not is_assignment
        self.write(
            expected_task_state,
            expected_vm_state,
            expected_revision=self.revision if compare else None,
        )
        if compare:
            self.revision += 1
        self.forget_changes()

    def write(
        self,
        expected_task_state: str | Collection[str | None] | None = None,
        expected_vm_state: str | Collection[str] | None = None,
        expected_revision: int | None = None,
    ) -> bool:
        """:meth:`save` as a part of a transaction. Return whether there was a change to write.

        The fields stay marked as changed, because the transaction may be retried. Without a claim
        and without ``expected_revision`` nothing is compared: then the caller must have ended the
        unfinished actions of the server in the same transaction.
        """
        with db.session.writer():
            values = self.columns()
            if values.get("deleted"):
                instance_changes.delete(self)
            elif values:
                instance_changes.report(self, values)
                db.instance_updates.update(
                    self.uuid,
                    values,
                    expected_task_state=_as_list(expected_task_state),
                    expected_vm_state=_as_list(expected_vm_state),
                    claim=self._claim(),
                    expected_revision=expected_revision,
                )
                if "pinned_availability_zone" in values:
                    db.request_specs.set_availability_zone(
                        self.uuid, values["pinned_availability_zone"]
                    )
                if values.get("vm_state") == vm_states.SOFT_DELETED:
                    db.instance_deletion.release_quota(self.uuid)
        return bool(values)

    def _claim(self) -> tuple[int, str] | None:
        if not self.obj_attr_is_set("claim") or not self.claim:
            return None
        action_id, owner = self.claim.split(":")
        return int(action_id), owner

    @remotable
    def refresh(self) -> None:
        """Read the row again. The claim is kept."""
        row = db.instances.get_by_uuid(self.uuid, read_deleted=True)
        if row is None:
            raise exception.InstanceNotFound(instance_id=self.uuid)
        fresh = Instance.from_row(self._context, row)
        for name in fresh.fields:
            if fresh.obj_attr_is_set(name):
                setattr(self, name, getattr(fresh, name))
        if self.stored:
            self.stored = self.summary()
        self.obj_reset_changes()

    @remotable
    def destroy(self) -> None:
        """Mark it deleted, and release its quota, its allocation and its records. Idempotent."""
        instance_changes.delete(self)

    @classmethod
    @remotable
    def update_network_info(
        cls,
        context: RequestContext,
        uuid: str,
        network_info: str,
        expected_revision: int | None = None,
    ) -> None:
        """Write the interfaces of a server (JSON) as read from Neutron, outside of an operation.

        ``expected_revision``: the revision of the instance, read before Neutron was. Raises
        InstanceBusy while an operation may change the interfaces, InstanceChanged (read the
        instance and Neutron again), InstanceNotFound.

        A compute of release 0.1.0 sends no revision and does not know these errors. Nothing is
        written then, and it reads Neutron again at the next event or periodic task.
        """
        ignored = (exception.InstanceBusy, exception.InstanceNotFound)
        with contextlib.suppress(*(ignored if expected_revision is None else ())):
            db.instance_networks.update_network_info(uuid, network_info, expected_revision)

    @classmethod
    @remotable
    def not_of_host(cls, context: RequestContext, uuids: list[str], host: str) -> list[str]:
        """Those of ``uuids`` whose guests and disks are orphans on ``host``: the server is deleted,
        on another host, or shelved and on no host.

        Servers that are unknown, not scheduled yet, or have an unfinished action on ``host`` or an
        open migration from it or to it are not included.
        """
        return db.instances.not_of_host(uuids, host)

    @classmethod
    @remotable
    def deleted_among(cls, context: RequestContext, uuids: list[str]) -> list[str]:
        """Those of ``uuids`` that are deleted servers. Their orphans may be removed."""
        return db.instance_deletion.deleted_among(uuids)

    @classmethod
    @remotable
    def unknown_among(cls, context: RequestContext, uuids: list[str]) -> list[str]:
        """Those of ``uuids`` that have no record, not even of a deleted server."""
        return sorted(set(uuids) - db.instance_deletion.get_deletion_times(uuids).keys())

    @remotable
    def release_allocation(self) -> None:
        """Delete its allocation, if it has one."""
        db.allocations.release(self.uuid)

    @remotable
    def load_tags(self) -> None:
        self.tags = db.instance_tags.get_tags([self.uuid]).get(self.uuid, [])
        self.obj_reset_changes(["tags"])

    def change_metadata(
        self, added: dict[str, str], removed: Collection[str] | None = (), allowed: int = -1
    ) -> None:
        """Set and remove metadata items; saved at once. ``removed`` None: all other items.

        Concurrent changes of other items are not lost. Raises OverQuota when the server would have
        more than ``allowed`` items (-1: unlimited).
        """
        db.session.retried(self._change_metadata)(added, removed, allowed)
        self.obj_reset_changes(["metadata"])

    def _change_metadata(
        self, added: dict[str, str], removed: Collection[str] | None, allowed: int
    ) -> None:
        with db.session.writer():
            self.metadata = db.instance_updates.change_metadata(self.uuid, added, removed, allowed)
            instance_changes.report(self, ["metadata"])

    def change_security_groups(self, names_by_port: dict[str, list[str]]) -> None:
        """Set the names of the security groups (by port ID) in the stored network information,
        until it is read from Neutron again."""
        db.session.retried(db.instance_networks.change_security_groups)(self.uuid, names_by_port)

    @remotable
    def set_tags(self, tags: list[str]) -> None:
        """Replace all tags."""
        db.instance_tags.set_tags(self.uuid, tags)

    @remotable
    def add_tag(self, tag: str) -> None:
        """Idempotent."""
        db.instance_tags.add_tag(self.uuid, tag)

    @remotable
    def remove_tag(self, tag: str) -> None:
        db.instance_tags.remove_tag(self.uuid, tag)


def _as_list(states: str | Collection[str | None] | None) -> Collection[str | None] | None:
    return [states] if isinstance(states, str) else states
