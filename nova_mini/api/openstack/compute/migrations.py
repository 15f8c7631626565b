"""``/os-migrations``: the moves of servers to other hosts and flavors."""

from __future__ import annotations

from nova_mini import policy
from nova_mini.api import validation
from nova_mini.api.openstack import common, wsgi
from nova_mini.api.openstack.compute.schemas import migrations as schema
from nova_mini.api.openstack.compute.views import migrations as view
from nova_mini.api.openstack.request import Request
from nova_mini.objects import migration_records
from nova_mini.objects.migration_records import MigrationRecord
from nova_mini.policies import migrations as migrations_policy

_COLUMNS = (
    "instance_uuid",
    "source_compute",
    "status",
    "migration_type",
    "user_id",
    "project_id",
)


class MigrationsController(wsgi.Controller):
    @validation.query_schema(schema.index, "2.1", "2.58")
    @validation.query_schema(schema.index_v259, "2.59", "2.65")
    @validation.query_schema(schema.index_v266, "2.66", "2.79")
    @validation.query_schema(schema.index_v280, "2.80")
    def index(self, req: Request) -> dict:
        _authorize(req)
        with_host = policy.authorize(req.context, migrations_policy.INDEX_HOST, fatal=False)
        if req.api_version < (2, 59):
            found = _find(req, newest_first=False)
            return {"migrations": [view.of_list(req, each, with_host) for each in found]}
        limit, marker = common.get_limit_and_marker(req)
        found = _find(req, limit=limit, marker=marker, **common.get_changes(req))
        response = {"migrations": [view.of_list(req, each, with_host) for each in found]}
        if found and len(found) == limit:
            response["migrations_links"] = common.Links(req, "os-migrations").next(found[-1].uuid)
        return response


def _authorize(req: Request) -> None:
    """Without a project in the query, all projects are requested."""
    policy.authorize(req.context, migrations_policy.INDEX)
    if req.query.get("project_id") != req.context.project_id:
        policy.authorize(req.context, migrations_policy.INDEX_ALL_PROJECTS)


def _find(req: Request, **page) -> list[MigrationRecord]:
    """Empty if hidden migrations are requested, which are those between the cells of Nova."""
    if common.is_true(req.query.get("hidden")):
        return []
    equal = {name: req.query[name] for name in _COLUMNS if name in req.query}
    return migration_records.get_page(equal, host=req.query.get("host"), **page)
