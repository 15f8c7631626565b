"""``/os-simple-tenant-usage``: the resources that projects used in a period, for billing."""

from __future__ import annotations

import datetime

from nova_mini import exception, policy
from nova_mini.api import validation
from nova_mini.api.openstack import common, wsgi
from nova_mini.api.openstack.compute.schemas import simple_tenant_usage as schema
from nova_mini.api.openstack.compute.views import simple_tenant_usage as view
from nova_mini.api.openstack.request import Request
from nova_mini.clock import utcnow
from nova_mini.objects import usage
from nova_mini.policies import simple_tenant_usage as usage_policy

_TIME_FORMATS = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M:%S.%f")
_PATH = "os-simple-tenant-usage"


class SimpleTenantUsageController(wsgi.Controller):
    @validation.query_schema(schema.index, "2.1", "2.39")
    @validation.query_schema(schema.index_v240, "2.40", "2.74")
    @validation.query_schema(schema.index_v275, "2.75")
    def index(self, req: Request) -> dict:
        policy.authorize(req.context, usage_policy.LIST)
        period = _period(req)
        detailed = req.query.get("detailed") == "1"
        servers, limit = _page(req, period, None)
        usages = view.by_project(servers, period)
        response = {"tenant_usages": [each.as_dict(detailed) for each in usages.values()]}
        return _with_link(req, response, "tenant_usages_links", servers, limit, "")

    @validation.query_schema(schema.show, "2.1", "2.39")
    @validation.query_schema(schema.show_v240, "2.40", "2.74")
    @validation.query_schema(schema.show_v275, "2.75")
    def show(self, req: Request, id: str) -> dict:
        policy.authorize(req.context, usage_policy.SHOW, {"project_id": id})
        period = _period(req)
        servers, limit = _page(req, period, id)
        usages = view.by_project(servers, period)
        response = {"tenant_usage": usages[id].as_dict(detailed=True) if id in usages else {}}
        return _with_link(req, response, "tenant_usage_links", servers, limit, f"/{id}")


def _page(req: Request, period: view.Period, project_id: str | None) -> tuple[list, int | None]:
    limit, marker = None, None
    if req.api_version >= (2, 40):
        limit, marker = common.get_limit_and_marker(req)
    return usage.get_active(*period, project_id, limit, marker), limit


def _with_link(
    req: Request, response: dict, key: str, servers: list, limit: int | None, path: str
) -> dict:
    if servers and len(servers) == limit:
        response[key] = common.Links(req, _PATH).next(servers[-1]["uuid"], path)
    return response


def _period(req: Request) -> view.Period:
    """Raises InvalidInput for an invalid time, or if the start is after the end."""
    start, end = _time(req.query.get("start")), _time(req.query.get("end"))
    if start > end:
        raise exception.InvalidInput(reason="The start time cannot occur after the end time.")
    return start, end


def _time(text: str | None) -> datetime.datetime:
    if not text:
        return utcnow()
    for time_format in _TIME_FORMATS:
        try:
            return datetime.datetime.strptime(text, time_format)
        except ValueError:
            continue
    raise exception.InvalidInput(reason="Datetime is in invalid format; use 2026-01-31T12:00:00")
