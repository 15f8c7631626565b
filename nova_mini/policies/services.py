"""Services of the cloud: for administrators only."""

from nova_mini.policies import base

_NAME = "os_compute_api:os-services:"
LIST = _NAME + "list"
UPDATE = _NAME + "update"
DELETE = _NAME + "delete"

_ONE = "/os-services/{service_id}"

RULES = [
    base.rule(LIST, base.ADMIN, "List services", ("GET", "/os-services")),
    base.rule(
        UPDATE,
        base.ADMIN,
        "Enable, disable or force down a compute service",
        ("PUT", _ONE),
        ("PUT", "/os-services/enable"),
        ("PUT", "/os-services/disable"),
        ("PUT", "/os-services/disable-log-reason"),
        ("PUT", "/os-services/force-down"),
    ),
    base.rule(DELETE, base.ADMIN, "Delete a service", ("DELETE", _ONE)),
]
