"""Which projects may use a private flavor."""

from nova_mini.policies import base

INDEX = "os_compute_api:os-flavor-access"
ADD = "os_compute_api:os-flavor-access:add_tenant_access"
REMOVE = "os_compute_api:os-flavor-access:remove_tenant_access"

_ACTION = ("POST", "/flavors/{flavor_id}/action")

RULES = [
    base.rule(
        INDEX, base.ADMIN, "List the projects of a flavor",
        ("GET", "/flavors/{flavor_id}/os-flavor-access"),
    ),
    base.rule(ADD, base.ADMIN, "Share a flavor with a project (addTenantAccess)", _ACTION),
    base.rule(REMOVE, base.ADMIN, "Stop sharing it (removeTenantAccess)", _ACTION),
]  # fmt: skip
