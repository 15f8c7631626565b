"""``/flavors/{id}/os-extra_specs``: a flavor's additional properties of hosts and guests."""

from __future__ import annotations

from nova_mini import exception, policy
from nova_mini.api import validation
from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.compute.schemas import flavors_extraspecs as schema
from nova_mini.api.openstack.request import Request
from nova_mini.api.validation import extra_specs
from nova_mini.notifications import notify_about_flavor
from nova_mini.objects.flavor import Flavor
from nova_mini.policies import flavor_extra_specs as specs_policy


class FlavorExtraSpecsController(wsgi.Controller):
    @validation.query_schema(schema.index)
    def index(self, req: Request, flavor_id: str) -> dict:
        policy.authorize(req.context, specs_policy.INDEX)
        return {"extra_specs": Flavor.get_by_flavor_id(req.context, flavor_id).extra_specs}

    @validation.schema(schema.create)
    def create(self, req: Request, flavor_id: str, body: dict) -> dict:
        policy.authorize(req.context, specs_policy.CREATE)
        specs = _as_text(req, body["extra_specs"])
        _change(req, Flavor.get_by_flavor_id(req.context, flavor_id), specs, [])
        return {"extra_specs": specs}

    @validation.query_schema(schema.index)
    def show(self, req: Request, flavor_id: str, id: str) -> dict:
        policy.authorize(req.context, specs_policy.SHOW)
        return {id: _get_flavor_with(req, flavor_id, id).extra_specs[id]}

    @validation.schema(schema.update)
    def update(self, req: Request, flavor_id: str, id: str, body: dict) -> dict[str, str]:
        policy.authorize(req.context, specs_policy.UPDATE)
        if id not in body:
            raise exception.ValidationError(
                detail="Request body and URI mismatch: the key must be the same in both"
            )
        specs = _as_text(req, body)
        _change(req, Flavor.get_by_flavor_id(req.context, flavor_id), specs, [])
        return specs

    def delete(self, req: Request, flavor_id: str, id: str) -> None:
        policy.authorize(req.context, specs_policy.DELETE)
        _change(req, _get_flavor_with(req, flavor_id, id), {}, [id])


def _change(req: Request, flavor: Flavor, added: dict[str, str], removed: list[str]) -> None:
    flavor.change_extra_specs(added, removed)
    notify_about_flavor(req.context, flavor, "update")


def _get_flavor_with(req: Request, flavor_id: str, key: str) -> Flavor:
    """Raises FlavorExtraSpecsNotFound if the flavor has no extra spec ``key``."""
    flavor = Flavor.get_by_flavor_id(req.context, flavor_id)
    if key not in flavor.extra_specs:
        raise exception.FlavorExtraSpecsNotFound(flavor_id=flavor_id, key=key)
    return flavor


def _as_text(req: Request, specs: dict) -> dict[str, str]:
    text = {key: str(value) for key, value in specs.items()}
    if req.api_version >= (2, 86):
        extra_specs.validate(text)
    return text
