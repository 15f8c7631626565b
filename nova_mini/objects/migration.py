"""Migrations: the moves of servers to other hosts or flavors."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from oslo_utils import uuidutils, versionutils
from oslo_versionedobjects import fields

from nova_mini import db, exception
from nova_mini.numa.guest import GuestTopology
from nova_mini.objects import quota_claims
from nova_mini.objects.base import NovaObject, ObjectList, TimestampedObject, register, remotable
from nova_mini.objects.fields import JsonDictField
from nova_mini.objects.flavor import Flavor
from nova_mini.states import migration_states, vm_states

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.numa.guest import StoredGuest
    from nova_mini.objects.instance import Instance

RESIZE = "resize"
MIGRATION = "migration"
LIVE_MIGRATION = "live-migration"
EVACUATION = "evacuation"

OLD, NEW = "old", "new"  # keys of ``Migration.numa_topologies``

ABORT, FORCE_COMPLETE = "abort", "force_complete"  # what users request of a live migration


# Columns of the progress, or the status, and their values.
Progress = Mapping[str, Any]


@register
class Migration(TimestampedObject, NovaObject):
    """``status``: see :mod:`.migration_states`. While it is open, source and destination both keep
    what they have of the server. ``dest_host`` is an address; the zones are availability zones.
    ``memory_total`` to ``disk_remaining`` are in bytes, None before a live migration runs.
    ``requested``: ABORT or FORCE_COMPLETE, of a live migration."""

    # 1.1: requested, record_copied(), report_progress(). 1.2: numa_topologies
    VERSION = "1.2"

    fields = {
        "id": fields.IntegerField(),
        "uuid": fields.UUIDField(),
        "instance_uuid": fields.UUIDField(),
        "migration_type": fields.StringField(),
        "status": fields.StringField(),
        "source_compute": fields.StringField(),
        "source_node": fields.StringField(nullable=True),
        "dest_compute": fields.StringField(nullable=True),
        "dest_node": fields.StringField(nullable=True),
        "dest_host": fields.StringField(nullable=True),
        "source_zone": fields.StringField(nullable=True),
        "dest_zone": fields.StringField(nullable=True),
        "user_id": fields.StringField(nullable=True),
        "project_id": fields.StringField(nullable=True),
        "old_flavor": fields.ObjectField("Flavor"),
        "new_flavor": fields.ObjectField("Flavor"),
        "old_vm_state": fields.StringField(),
        "memory_total": fields.IntegerField(nullable=True),
        "memory_processed": fields.IntegerField(nullable=True),
        "memory_remaining": fields.IntegerField(nullable=True),
        "disk_total": fields.IntegerField(nullable=True),
        "disk_processed": fields.IntegerField(nullable=True),
        "disk_remaining": fields.IntegerField(nullable=True),
        "requested": fields.StringField(nullable=True),
        # The topologies of the server at the source ("old") and at the destination ("new").
        "numa_topologies": JsonDictField(nullable=True),
    }

    def obj_make_compatible(self, primitive: dict[str, Any], target_version: str) -> None:
        super().obj_make_compatible(primitive, target_version)
        version = versionutils.convert_version_to_tuple(target_version)
        if version < (1, 2):
            primitive.pop("numa_topologies", None)
        if version < (1, 1):
            primitive.pop("requested", None)

    @classmethod
    def begin(cls, context: RequestContext, instance: Instance, new_flavor: Flavor) -> Migration:
        """A new migration of a server from where it is now; not inserted. A migration to the same
        flavor is a cold migration, otherwise it is a resize."""
        is_resize = new_flavor.flavorid != instance.flavor.flavorid
        return cls(
            context,
            uuid=uuidutils.generate_uuid(),
            instance_uuid=instance.uuid,
            migration_type=RESIZE if is_resize else MIGRATION,
            status=migration_states.PRE_MIGRATING,
            source_compute=instance.host,
            source_node=instance.node,
            source_zone=instance.availability_zone,
            user_id=context.user_id,
            project_id=context.project_id,
            old_flavor=instance.flavor,
            new_flavor=new_flavor,
            old_vm_state=instance.vm_state,
        )

    @classmethod
    def begin_live(cls, context: RequestContext, instance: Instance) -> Migration:
        """A new live migration of a server; not inserted."""
        migration = cls.begin(context, instance, instance.flavor)
        migration.migration_type = LIVE_MIGRATION
        migration.status = migration_states.ACCEPTED
        return migration

    @classmethod
    def begin_evacuation(cls, context: RequestContext, instance: Instance) -> Migration:
        """A new evacuation of a server from its host, which is down; not inserted."""
        new = cls.begin(context, instance, instance.flavor)
        new.migration_type, new.status = EVACUATION, migration_states.ACCEPTED
        return new

    @classmethod
    def from_row(cls, context: RequestContext, row: Mapping[str, Any]) -> Migration:
        flavors = {name: Flavor().set_fields(row[name]) for name in ("old_flavor", "new_flavor")}
        return cls(context).set_fields({**row, **flavors})

    @property
    def is_resize(self) -> bool:
        return self.migration_type == RESIZE

    @property
    def is_live(self) -> bool:
        return self.migration_type == LIVE_MIGRATION

    @property
    def status_if_guest_stays(self) -> str:
        """The final status of a live migration whose guest did not leave its source."""
        if self.requested == ABORT:
            return migration_states.CANCELLED
        has_begun = self.status not in (migration_states.ACCEPTED, migration_states.PREPARING)
        return migration_states.FAILED if has_begun else migration_states.ERROR

    def topology_at(self, end: str) -> StoredGuest | None:
        """The NUMA topology of the server; ``end``: OLD, at the source, or NEW."""
        known = self.numa_topologies if self.obj_attr_is_set("numa_topologies") else None
        return (known or {}).get(end)

    @property
    def new_numa(self) -> GuestTopology | None:
        """Where the server is placed at the destination."""
        stored = self.topology_at(NEW)
        return GuestTopology.from_dict(stored) if stored else None

    @property
    def is_same_host(self) -> bool:
        return self.dest_compute == self.source_compute

    @property
    def is_ended(self) -> bool:
        return self.status in migration_states.ENDED

    @classmethod
    @remotable
    def get_open(cls, context: RequestContext, instance_uuid: str) -> Migration:
        """The open migration of a server. Raises MigrationNotFoundForInstance."""
        row = db.server_migrations.get_open(instance_uuid)
        if row is None:
            raise exception.MigrationNotFoundForInstance(instance_id=instance_uuid)
        return cls.from_row(context, row)

    @classmethod
    def get_hosts_beside(cls, context: RequestContext, instance: Instance) -> list[str]:
        """The hosts of the open migration of a server on which the server is not, and which may
        have something of it. Asks the database only if there may be any."""
        if instance.vm_state != vm_states.RESIZED and instance.launched_on == instance.host:
            return []
        try:
            migration = cls.get_open(context, instance.uuid)
        except exception.MigrationNotFoundForInstance:
            return []
        hosts = {migration.source_compute, migration.dest_compute}
        return sorted(hosts - {None, instance.host})

    def insert(self, server_owner: tuple[str, str], limits: quota_claims.Limits) -> None:
        """Insert it, and use the quota of a larger flavor. Called in the transaction that begins
        its action. ``server_owner``: project and user of the server. Raises OverQuota."""
        larger = {
            name: max(getattr(self.old_flavor, name), getattr(self.new_flavor, name))
            for name in ("vcpus", "memory_mb")
        }
        flavors = {
            "old_flavor": self.old_flavor.as_dict(),
            "new_flavor": self.new_flavor.as_dict(),
        }
        db.server_migrations.create({**self.obj_get_changes(), **flavors, **larger})
        more = {
            "instances": 0,
            "cores": larger["vcpus"] - self.old_flavor.vcpus,
            "ram": larger["memory_mb"] - self.old_flavor.memory_mb,
        }
        if any(more.values()):
            quota_claims.claim(*server_owner, more, limits)

    def write(self) -> None:
        """Write the changed fields, and what their change means in the ledger: see
        ``db.server_migrations.update``. Called in the transaction that moves its action."""
        if changes := self.obj_get_changes():
            db.server_migrations.update(self.uuid, changes)

    @classmethod
    @remotable
    def record_copied(cls, context: RequestContext, uuid: str, total: int, copied: int) -> None:
        """Record how many bytes of the disks are copied."""
        values = {"disk_total": total, "disk_processed": copied, "disk_remaining": total - copied}
        db.server_migrations.update(uuid, values)

    @classmethod
    def request(
        cls, instance_uuid: str, migration_id: int, requested: str, statuses: Collection[str]
    ) -> bool:
        """Store what a user requests of a live migration that has one of the ``statuses``. An
        abort is not replaced. Returns False if the status has changed."""
        return db.server_migrations.request(instance_uuid, migration_id, requested, statuses)

    @classmethod
    @remotable
    def report_progress(
        cls, context: RequestContext, uuid: str, action_id: int, owner: str, progress: Progress
    ) -> str | None:
        """Store the progress of a live migration. Returns what is requested of it, ABORT or
        FORCE_COMPLETE. Raises InstanceOwnershipLost if ``owner`` does not own its action."""
        return db.server_migrations.report_progress(uuid, (action_id, owner), progress)

    @remotable
    def lend_allocation(self) -> None:
        """Take over the allocation of the server at the source. Idempotent."""
        db.allocations.lend(self.instance_uuid, self.uuid)


@register
class MigrationList(ObjectList):
    VERSION = "1.0"
    fields = {"objects": fields.ListOfObjectsField("Migration")}

    @classmethod
    @remotable
    def get_open_by_host(cls, context: RequestContext, host: str) -> MigrationList:
        """The open migrations from this host or to it."""
        rows = db.server_migrations.get_open_by_host(host)
        return cls.of(context, (Migration.from_row(context, row) for row in rows))

    @classmethod
    @remotable
    def get_unconfirmed(
        cls, context: RequestContext, finished_before: datetime.datetime
    ) -> MigrationList:
        """The migrations that wait for a user's confirmation since before then."""
        rows = db.server_migrations.get_unconfirmed(finished_before)
        return cls.of(context, (Migration.from_row(context, row) for row in rows))
