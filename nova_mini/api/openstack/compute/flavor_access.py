"""``/flavors/{id}/os-flavor-access``: which projects may use a private flavor."""

from __future__ import annotations

from nova_mini import exception, policy
from nova_mini.api import validation
from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.compute.schemas import flavor_access as schema
from nova_mini.api.openstack.request import Request
from nova_mini.notifications import notify_about_flavor
from nova_mini.objects.flavor import Flavor
from nova_mini.policies import flavor_access as access_policy


class FlavorAccessController(wsgi.Controller):
    @validation.query_schema(schema.index)
    def index(self, req: Request, flavor_id: str) -> dict:
        policy.authorize(req.context, access_policy.INDEX)
        flavor = Flavor.get_by_flavor_id(req.context, flavor_id)
        if flavor.is_public:
            raise exception.NotFound("Access list not available for public flavors.")
        return _view(flavor)

    @wsgi.action("addTenantAccess")
    @validation.schema(schema.add_tenant_access)
    def _add_tenant_access(self, req: Request, id: str, body: dict) -> dict:
        policy.authorize(req.context, access_policy.ADD)
        flavor = Flavor.get_by_flavor_id(req.context, id)
        if flavor.is_public and req.api_version >= (2, 7):
            raise exception.Conflict("Can not add access to a public flavor.")
        flavor.add_access(body["addTenantAccess"]["tenant"])
        notify_about_flavor(req.context, flavor, "update")
        return _view(flavor)

    @wsgi.action("removeTenantAccess")
    @validation.schema(schema.remove_tenant_access)
    def _remove_tenant_access(self, req: Request, id: str, body: dict) -> dict:
        policy.authorize(req.context, access_policy.REMOVE)
        flavor = Flavor.get_by_flavor_id(req.context, id)
        flavor.remove_access(body["removeTenantAccess"]["tenant"])
        notify_about_flavor(req.context, flavor, "update")
        return _view(flavor)


def _view(flavor: Flavor) -> dict:
    return {
        "flavor_access": [
            {"flavor_id": flavor.flavorid, "tenant_id": project_id}
            for project_id in flavor.get_access()
        ]
    }
