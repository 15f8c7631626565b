"""``/flavors/{id}/os-extra_specs``: what a flavor asks of a host, by free keys."""

from __future__ import annotations

from nova_mini import exception, policy
from nova_mini.api import validation
from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.compute.schemas import flavors_extraspecs as schema
from nova_mini.api.validation import extra_specs
from nova_mini.objects.flavor import Flavor
from nova_mini.policies import flavor_extra_specs as specs_policy


class FlavorExtraSpecsController(wsgi.Controller):
    @validation.query_schema(schema.index, "2.1", "2.74")
    @validation.query_schema(schema.index_v275, "2.75")
    def index(self, req, flavor_id):
        policy.authorize(req.context, specs_policy.INDEX)
        return {"extra_specs": Flavor.get_by_flavor_id(req.context, flavor_id).extra_specs}

    @validation.schema(schema.create)
    def create(self, req, flavor_id, body):
        policy.authorize(req.context, specs_policy.CREATE)
        specs = _as_text(req, body["extra_specs"])
        Flavor.get_by_flavor_id(req.context, flavor_id).change_extra_specs(specs, [])
        return {"extra_specs": specs}

    @validation.query_schema(schema.index, "2.1", "2.74")
    @validation.query_schema(schema.index_v275, "2.75")
    def show(self, req, flavor_id, id):
        policy.authorize(req.context, specs_policy.SHOW)
        return {id: _spec_of(req, flavor_id, id).extra_specs[id]}

    @validation.schema(schema.update)
    def update(self, req, flavor_id, id, body):
        policy.authorize(req.context, specs_policy.UPDATE)
        if id not in body:
            raise exception.ValidationError(detail="The body must have the key that the URL has.")
        specs = _as_text(req, body)
        Flavor.get_by_flavor_id(req.context, flavor_id).change_extra_specs(specs, [])
        return specs

    def delete(self, req, flavor_id, id):
        policy.authorize(req.context, specs_policy.DELETE)
        _spec_of(req, flavor_id, id).change_extra_specs({}, [id])


def _spec_of(req, flavor_id: str, key: str) -> Flavor:
    flavor = Flavor.get_by_flavor_id(req.context, flavor_id)
    if key not in flavor.extra_specs:
        raise exception.FlavorExtraSpecsNotFound(flavor_id=flavor_id, key=key)
    return flavor


def _as_text(req, specs: dict) -> dict[str, str]:
    text = {key: str(value) for key, value in specs.items()}
    if req.api_version >= (2, 86):
        extra_specs.validate(text)
    return text
