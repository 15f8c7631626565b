"""Which projects may use a private flavor."""

from nova_mini.policies import base

INDEX = "os_compute_api:os-flavor-access"
ADD = "os_compute_api:os-flavor-access:add_tenant_access"
REMOVE = "os_compute_api:os-flavor-access:remove_tenant_access"

_ACTION = ("POST", "/flavors/{flavor_id}/action")

RULES = [
    base.rule(
        INDEX,
        base.ADMIN,
        "List the projects that have access to a flavor",
        ("GET", "/flavors/{flavor_id}/os-flavor-access"),
    ),
    base.rule(ADD, base.ADMIN, "Give a project access to a flavor (addTenantAccess)", _ACTION),
    base.rule(
        REMOVE, base.ADMIN, "Remove a project's access to a flavor (removeTenantAccess)", _ACTION
    ),
]
