"""``/os-quota-class-sets``: the class ``default`` has the limits of projects without their own."""

from __future__ import annotations

from nova_mini import exception, policy, quota
from nova_mini.api import validation
from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.compute.schemas import quota_sets as schema
from nova_mini.api.openstack.compute.views import quota_sets as view
from nova_mini.api.openstack.request import Request
from nova_mini.api.validation.formats import is_name
from nova_mini.objects.quotas import Quotas
from nova_mini.policies import quota_class_sets as class_policy


class QuotaClassSetsController(wsgi.Controller):
    def show(self, req: Request, id: str) -> dict:
        policy.authorize(req.context, class_policy.SHOW, {"quota_class": id})
        limits = quota.get_class_limits(req.context, _name(id))
        return {"quota_class_set": {"id": id, **view.shown_of_class(req, limits)}}

    @validation.schema(schema.update_class, "2.1", "2.49")
    @validation.schema(schema.update_class_v250, "2.50", "2.56")
    @validation.schema(schema.update_class_v257, "2.57")
    def update(self, req: Request, id: str, body: dict) -> dict:
        policy.authorize(req.context, class_policy.UPDATE, {"quota_class": id})
        requested = body["quota_class_set"]
        limits = {name: int(requested[name]) for name in quota.ALL_RESOURCES if name in requested}
        if quota.are_stored():
            Quotas.set_class_limits(req.context, _name(id), limits)
        new_limits = quota.get_class_limits(req.context, id)
        return {"quota_class_set": view.shown_of_class(req, new_limits)}


def _name(quota_class: str) -> str:
    if len(quota_class) > 64 or not is_name(quota_class):
        raise exception.InvalidInput(
            reason="the name of a quota class must be 1 to 64 printable characters"
        )
    return quota_class
