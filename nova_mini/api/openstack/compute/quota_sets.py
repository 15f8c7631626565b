"""``/os-quota-sets``: the limits of a project, or of one user in a project."""

from __future__ import annotations

from nova_mini import exception, identity, policy, quota
from nova_mini.api import validation
from nova_mini.api.openstack import common, wsgi
from nova_mini.api.openstack.compute.schemas import quota_sets as schema
from nova_mini.api.openstack.compute.views import quota_sets as view
from nova_mini.api.openstack.request import Request
from nova_mini.api.validation.formats import is_name
from nova_mini.objects.quotas import Quotas
from nova_mini.policies import quota_sets as quota_policy


class QuotaSetsController(wsgi.Controller):
    @validation.query_schema(schema.query, "2.1", "2.74")
    @validation.query_schema(schema.query_v275, "2.75")
    def show(self, req: Request, id: str) -> dict:
        policy.authorize(req.context, quota_policy.SHOW, {"project_id": id})
        identity.verify_project_id(req.context, id)
        limits = quota.get_limits(req.context, id, _user(req))
        return {"quota_set": {"id": id, **view.shown(req, limits)}}

    @validation.query_schema(schema.query, "2.1", "2.74")
    @validation.query_schema(schema.query_v275, "2.75")
    def detail(self, req: Request, id: str) -> dict:
        policy.authorize(req.context, quota_policy.DETAIL, {"project_id": id})
        identity.verify_project_id(req.context, id)
        limits = view.shown(req, quota.get_limits(req.context, id, _user(req)))
        used = quota.get_usage(req.context, id, _user(req))
        details = {
            name: {"limit": limit, "in_use": used.get(name, 0), "reserved": 0}
            for name, limit in limits.items()
        }
        return {"quota_set": {"id": id, **details}}

    def defaults(self, req: Request, id: str) -> dict:
        policy.authorize(req.context, quota_policy.DEFAULTS, {"project_id": id})
        identity.verify_project_id(req.context, id)
        return {"quota_set": {"id": id, **view.shown(req, quota.get_defaults(req.context))}}

    @validation.schema(schema.update, "2.1", "2.35")
    @validation.schema(schema.update_v236, "2.36", "2.56")
    @validation.schema(schema.update_v257, "2.57")
    @validation.query_schema(schema.query, "2.1", "2.74")
    @validation.query_schema(schema.query_v275, "2.75")
    def update(self, req: Request, id: str, body: dict) -> dict:
        policy.authorize(req.context, quota_policy.UPDATE, {"project_id": id})
        project_id = _valid_project_id(id)
        identity.verify_project_id(req.context, project_id)
        requested, user_id = body["quota_set"], _user(req)
        force = common.is_true(requested.get("force", False))
        limits = {name: int(requested[name]) for name in quota.ALL_RESOURCES if name in requested}
        if quota.are_stored():
            if user_id:
                _check_within_project(req, project_id, limits)
            if not force:
                _check_above_usage(req, project_id, user_id, limits)
            Quotas.set_limits(req.context, project_id, user_id, limits)
        new_limits = quota.get_limits(req.context, project_id, user_id)
        return {"quota_set": view.shown(req, new_limits)}

    @wsgi.response(202)
    @validation.query_schema(schema.query, "2.1", "2.74")
    @validation.query_schema(schema.query_v275, "2.75")
    def delete(self, req: Request, id: str) -> None:
        policy.authorize(req.context, quota_policy.DELETE, {"project_id": id})
        user_id = _user(req)
        if quota.are_stored():
            Quotas.destroy(req.context, id, user_id)


def _user(req: Request) -> str:
    user_id = req.query.get("user_id", "")
    if len(user_id) > 64 or (user_id and not is_name(user_id)):
        raise exception.InvalidInput(reason="user_id must be at most 64 printable characters")
    return user_id


def _valid_project_id(project_id: str) -> str:
    if len(project_id) > 255 or not is_name(project_id):
        raise exception.InvalidInput(reason="a project id must be 1 to 255 printable characters")
    return project_id


def _check_within_project(req: Request, project_id: str, limits: dict[str, int]) -> None:
    """Raises InvalidInput for a limit of a user that is above the project's."""
    project_limits = quota.get_limits(req.context, project_id)
    for name, limit in limits.items():
        maximum = project_limits[name]
        if maximum >= 0 and not 0 <= limit <= maximum:
            raise exception.InvalidInput(
                reason=f"Quota limit {limit} for {name} must be less than or equal to {maximum}."
            )


def _check_above_usage(req: Request, project_id: str, user_id: str, limits: dict[str, int]) -> None:
    """Raises InvalidInput for a limit that is below the present usage."""
    used = quota.get_usage(req.context, project_id, user_id)
    for name, limit in limits.items():
        if 0 <= limit < used.get(name, 0):
            raise exception.InvalidInput(
                reason=f"Quota limit {limit} for {name} must be greater than or equal to already "
                f"used and reserved {used[name]}."
            )
