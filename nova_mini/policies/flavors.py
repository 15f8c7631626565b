"""Flavors: every user sees them, administrators create them."""

from nova_mini.policies import base

CREATE = "os_compute_api:os-flavor-manage:create"
UPDATE = "os_compute_api:os-flavor-manage:update"
DELETE = "os_compute_api:os-flavor-manage:delete"

RULES = [
    base.rule(CREATE, base.ADMIN, "Create a flavor", ("POST", "/flavors")),
    base.rule(UPDATE, base.ADMIN, "Update a flavor", ("PUT", "/flavors/{flavor_id}")),
    base.rule(DELETE, base.ADMIN, "Delete a flavor", ("DELETE", "/flavors/{flavor_id}")),
]
