"""Quota classes, which hold the default quotas."""

from nova_mini.policies import base

SHOW = "os_compute_api:os-quota-class-sets:show"
UPDATE = "os_compute_api:os-quota-class-sets:update"

_ONE = "/os-quota-class-sets/{quota_class}"

RULES = [
    base.rule(SHOW, base.ADMIN, "Show the quotas of a class", ("GET", _ONE)),
    base.rule(UPDATE, base.ADMIN, "Set the quotas of a class", ("PUT", _ONE)),
]
