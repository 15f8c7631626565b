"""Quotas: projects read their own, administrators set them."""

from nova_mini.policies import base

_NAME = "os_compute_api:os-quota-sets:"
SHOW = _NAME + "show"
DEFAULTS = _NAME + "defaults"
DETAIL = _NAME + "detail"
UPDATE = _NAME + "update"
DELETE = _NAME + "delete"

_ONE = "/os-quota-sets/{tenant_id}"

RULES = [
    base.rule(SHOW, base.PROJECT_READER_OR_ADMIN, "Show a project's quotas", ("GET", _ONE)),
    base.rule(DEFAULTS, base.ANY, "Show the default quotas", ("GET", _ONE + "/defaults")),
    base.rule(
        DETAIL, base.PROJECT_READER_OR_ADMIN, "Show quotas and usage", ("GET", _ONE + "/detail")
    ),
    base.rule(UPDATE, base.ADMIN, "Set a project's quotas", ("PUT", _ONE)),
    base.rule(DELETE, base.ADMIN, "Reset a project's quotas to the defaults", ("DELETE", _ONE)),
]
