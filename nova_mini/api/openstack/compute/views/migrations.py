"""Migrations as JSON."""

from __future__ import annotations

from nova_mini.api.openstack import common
from nova_mini.api.openstack.request import Request
from nova_mini.objects.migration_records import MigrationRecord

_HOSTS = ("source_compute", "source_node", "dest_compute", "dest_node", "dest_host")
_PROGRESS = (
    "memory_total",
    "memory_processed",
    "memory_remaining",
    "disk_total",
    "disk_processed",
    "disk_remaining",
)


def of_list(req: Request, migration: MigrationRecord, with_host: bool) -> dict:
    """An item of ``/os-migrations``. ``with_host``: the caller may see hosts."""
    view = {
        **_common(req, migration, with_host),
        "instance_uuid": migration.instance_uuid,
        "old_instance_type_id": migration.old_flavor["id"],
        "new_instance_type_id": migration.new_flavor["id"],
    }
    if req.api_version >= (2, 23):
        view["migration_type"] = migration.migration_type
        if migration.is_live_in_progress:
            links = common.Links(req, f"servers/{migration.instance_uuid}/migrations")
            view["links"] = links.of(str(migration.id))
    return view


def of_server(req: Request, migration: MigrationRecord, with_host: bool) -> dict:
    """A live migration of ``/servers/{server_id}/migrations``, with its progress in bytes."""
    return {
        **_common(req, migration, with_host),
        "server_uuid": migration.instance_uuid,
        **{f"{name}_bytes": getattr(migration, name) for name in _PROGRESS},
    }


def _common(req: Request, migration: MigrationRecord, with_host: bool) -> dict:
    view = {
        "id": migration.id,
        "status": migration.status,
        "created_at": common.strtime(migration.created_at),
        "updated_at": common.strtime(migration.updated_at),
        **{name: getattr(migration, name) if with_host else None for name in _HOSTS},
    }
    if req.api_version >= (2, 59):
        view["uuid"] = migration.uuid
    if req.api_version >= (2, 80):
        view["user_id"] = migration.user_id
        view["project_id"] = migration.project_id
    return view
