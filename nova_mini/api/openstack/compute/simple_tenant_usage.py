"""``/os-simple-tenant-usage``: how long projects ran how much, for those who write bills."""

from __future__ import annotations

import datetime

from nova_mini import exception, policy
from nova_mini.api import validation
from nova_mini.api.openstack import common, wsgi
from nova_mini.api.openstack.compute.schemas import simple_tenant_usage as schema
from nova_mini.api.openstack.compute.views import simple_tenant_usage as view
from nova_mini.objects import usage
from nova_mini.objects.base import utcnow
from nova_mini.policies import simple_tenant_usage as usage_policy

_TIME_FORMS = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M:%S.%f")
_PATH = "os-simple-tenant-usage"


class SimpleTenantUsageController(wsgi.Controller):
    @validation.query_schema(schema.index, "2.1", "2.39")
    @validation.query_schema(schema.index_v240, "2.40", "2.74")
    @validation.query_schema(schema.index_v275, "2.75")
    def index(self, req):
        policy.authorize(req.context, usage_policy.LIST)
        period = _period(req)
        detailed = req.query.get("detailed") == "1"
        servers, limit = _page(req, period, None)
        usages = view.by_project(servers, period)
        answer = {"tenant_usages": [each.as_dict(detailed) for each in usages.values()]}
        return _with_link(req, answer, "tenant_usages_links", servers, limit, "")

    @validation.query_schema(schema.show, "2.1", "2.39")
    @validation.query_schema(schema.show_v240, "2.40", "2.74")
    @validation.query_schema(schema.show_v275, "2.75")
    def show(self, req, id):
        policy.authorize(req.context, usage_policy.SHOW, {"project_id": id})
        period = _period(req)
        servers, limit = _page(req, period, id)
        usages = view.by_project(servers, period)
        answer = {"tenant_usage": usages[id].as_dict(detailed=True) if id in usages else {}}
        return _with_link(req, answer, "tenant_usage_links", servers, limit, f"/{id}")


def _page(req, period, project_id: str | None) -> tuple[list, int | None]:
    limit, marker = None, None
    if req.api_version >= (2, 40):
        limit, marker = common.get_limit_and_marker(req)
    return usage.get_active(*period, project_id, limit, marker), limit


def _with_link(req, answer: dict, key: str, servers: list, limit: int | None, path: str) -> dict:
    if servers and len(servers) == limit:
        answer[key] = common.Links(req, _PATH).next(servers[-1]["uuid"], path)
    return answer


def _period(req) -> tuple[datetime.datetime, datetime.datetime]:
    """Raises InvalidInput for times that cannot be read, or that go backwards."""
    start, end = _time(req.query.get("start")), _time(req.query.get("end"))
    if start > end:
        raise exception.InvalidInput(
            reason="The start time cannot occur after the end time."
        )
    return start, end


def _time(text: str | None) -> datetime.datetime:
    if not text:
        return utcnow()
    for form in _TIME_FORMS:
        try:
            return datetime.datetime.strptime(text, form)
        except ValueError:
            continue
    raise exception.InvalidInput(reason="give times like 2026-01-31T12:00:00")
