"""``/os-quota-sets``: the limits of projects, and of users in them."""

from __future__ import annotations

from nova_mini import exception, policy, quota
from nova_mini.api import validation
from nova_mini.api.openstack import common, wsgi
from nova_mini.api.openstack.compute.schemas import quota_sets as schema
from nova_mini.api.openstack.compute.views import quota_sets as view
from nova_mini.objects.quotas import Quotas
from nova_mini.policies import quota_sets as quota_policy


class QuotaSetsController(wsgi.Controller):
    @validation.query_schema(schema.query, "2.1", "2.74")
    @validation.query_schema(schema.query_v275, "2.75")
    def show(self, req, id):
        policy.authorize(req.context, quota_policy.SHOW, {"project_id": id})
        limits = quota.get_limits(req.context, id, _user(req))
        return {"quota_set": {"id": id, **view.shown(req, limits)}}

    @validation.query_schema(schema.query, "2.1", "2.74")
    @validation.query_schema(schema.query_v275, "2.75")
    def detail(self, req, id):
        policy.authorize(req.context, quota_policy.DETAIL, {"project_id": id})
        limits = view.shown(req, quota.get_limits(req.context, id, _user(req)))
        used = quota.get_usage(req.context, id, _user(req))
        details = {
            name: {"limit": limit, "in_use": used.get(name, 0), "reserved": 0}
            for name, limit in limits.items()
        }
        return {"quota_set": {"id": id, **details}}

    def defaults(self, req, id):
        policy.authorize(req.context, quota_policy.DEFAULTS, {"project_id": id})
        return {"quota_set": {"id": id, **view.shown(req, quota.get_defaults(req.context))}}

    @validation.schema(schema.update, "2.1", "2.35")
    @validation.schema(schema.update_v236, "2.36", "2.56")
    @validation.schema(schema.update_v257, "2.57")
    @validation.query_schema(schema.query, "2.1", "2.74")
    @validation.query_schema(schema.query_v275, "2.75")
    def update(self, req, id, body):
        policy.authorize(req.context, quota_policy.UPDATE, {"project_id": id})
        project_id = _known_length(id)
        asked, user_id = body["quota_set"], _user(req)
        force = common.is_true(asked.get("force", False))
        limits = {name: int(asked[name]) for name in quota.RESOURCES if name in asked}
        if user_id:
            _check_within_project(req, project_id, limits)
        if not force:
            _check_above_usage(req, project_id, user_id, limits)
        Quotas.set_limits(req.context, project_id, user_id, limits)
        now = quota.get_limits(req.context, project_id, user_id)
        return {"quota_set": view.shown(req, now)}

    @wsgi.response(202)
    @validation.query_schema(schema.query, "2.1", "2.74")
    @validation.query_schema(schema.query_v275, "2.75")
    def delete(self, req, id):
        policy.authorize(req.context, quota_policy.DELETE, {"project_id": id})
        Quotas.destroy(req.context, id, _user(req))


def _user(req) -> str:
    user_id = req.query.get("user_id", "")
    if len(user_id) > 64:
        raise exception.InvalidInput(reason="user_id may have at most 64 characters")
    return user_id


def _known_length(project_id: str) -> str:
    if len(project_id) > 255:
        raise exception.InvalidInput(reason="a project id may have at most 255 characters")
    return project_id


def _check_within_project(req, project_id: str, limits: dict[str, int]) -> None:
    of_project = quota.get_limits(req.context, project_id)
    for name, limit in limits.items():
        most = of_project[name]
        if most >= 0 and not 0 <= limit <= most:
            raise exception.InvalidInput(
                reason=f"{name}: a user's limit may be at most the project's, {most}"
            )


def _check_above_usage(req, project_id: str, user_id: str, limits: dict[str, int]) -> None:
    used = quota.get_usage(req.context, project_id, user_id)
    for name, limit in limits.items():
        if 0 <= limit < used[name]:
            raise exception.InvalidInput(
                reason=f"{name}: {used[name]} are used already, so give at least as many, "
                "or force it"
            )
