"""Extra specs of flavors: projects may read them, administrators change them."""

from nova_mini.policies import base

_NAME = "os_compute_api:os-flavor-extra-specs:"
INDEX = _NAME + "index"
SHOW = _NAME + "show"
CREATE = _NAME + "create"
UPDATE = _NAME + "update"
DELETE = _NAME + "delete"

_ALL = "/flavors/{flavor_id}/os-extra_specs"
_ONE = _ALL + "/{flavor_extra_spec_key}"

RULES = [
    base.rule(
        INDEX,
        base.PROJECT_READER_OR_ADMIN,
        "List extra specs, also as a part of flavors and servers",
        ("GET", _ALL),
        ("GET", "/flavors/detail"),
        ("GET", "/flavors/{flavor_id}"),
        ("GET", "/servers/detail"),
        ("GET", "/servers/{server_id}"),
    ),
    base.rule(SHOW, base.PROJECT_READER_OR_ADMIN, "Show an extra spec", ("GET", _ONE)),
    base.rule(CREATE, base.ADMIN, "Create extra specs", ("POST", _ALL)),
    base.rule(UPDATE, base.ADMIN, "Update an extra spec", ("PUT", _ONE)),
    base.rule(DELETE, base.ADMIN, "Delete an extra spec", ("DELETE", _ONE)),
]
