"""``/servers/{id}/migrations``: the live migrations of a server that are in progress."""

from __future__ import annotations

from nova_mini import exception, policy
from nova_mini.api import validation
from nova_mini.api.openstack import common, wsgi
from nova_mini.api.openstack.compute.schemas import migrations as schema
from nova_mini.api.openstack.compute.server_access import get_instance, get_record, target_of
from nova_mini.api.openstack.compute.views import migrations as view
from nova_mini.api.openstack.request import Request
from nova_mini.compute.api import API
from nova_mini.objects import migration_records
from nova_mini.objects.migration_records import MigrationRecord
from nova_mini.policies import servers_migrations as migrations_policy


class ServerMigrationsController(wsgi.Controller):
    def __init__(self):
        self.compute_api = API()

    @wsgi.api_version("2.23")
    @validation.query_schema(schema.of_server)
    def index(self, req: Request, server_id: str) -> dict:
        server = get_record(req, server_id, migrations_policy.INDEX)
        with_host = policy.authorize(
            req.context, migrations_policy.INDEX_HOST, target_of(server), fatal=False
        )
        found = migration_records.get_live_in_progress(server.uuid)
        return {"migrations": [view.of_server(req, each, with_host) for each in found]}

    @wsgi.api_version("2.23")
    @validation.query_schema(schema.of_server)
    def show(self, req: Request, server_id: str, id: str) -> dict:
        server = get_record(req, server_id, migrations_policy.SHOW)
        found = _get_live_in_progress(server.uuid, id)
        return {"migration": view.of_server(req, found, with_host=True)}

    @wsgi.api_version("2.24")
    @wsgi.response(202)
    def delete(self, req: Request, server_id: str, id: str) -> None:
        """Since 2.65 also a migration whose guest does not move yet."""
        instance = get_instance(req, server_id, migrations_policy.DELETE)
        also_queued = req.api_version >= (2, 65)
        self.compute_api.live_migrate_abort(req.context, instance, id, also_queued=also_queued)

    @wsgi.api_version("2.22")
    @wsgi.action("force_complete")
    @wsgi.response(202)
    @validation.schema(schema.force_complete)
    def force_complete(self, req: Request, server_id: str, id: str, body: dict) -> None:
        instance = get_instance(req, server_id, migrations_policy.FORCE_COMPLETE)
        self.compute_api.live_migrate_force_complete(req.context, instance, id)


def _get_live_in_progress(server_id: str, migration_id: str) -> MigrationRecord:
    """Raises NotFound, also for a migration that has ended or that is not live."""
    number = common.to_id(migration_id)
    found = None if number is None else migration_records.get_by_id(server_id, number)
    if found is None:
        raise exception.NotFound(
            f"In-progress live migration {migration_id[:64]} is not found for server {server_id}."
        )
    if not found.is_live:
        raise exception.NotFound(
            f"Migration {migration_id} for server {server_id} is not live-migration."
        )
    if not found.is_live_in_progress:
        raise exception.NotFound(
            f"Live migration {migration_id} for server {server_id} is not in progress."
        )
    return found
