"""Host aggregates: for administrators only."""

from nova_mini.policies import base

_NAME = "os_compute_api:os-aggregates:"
INDEX = _NAME + "index"
SHOW = _NAME + "show"
CREATE = _NAME + "create"
UPDATE = _NAME + "update"
DELETE = _NAME + "delete"
ADD_HOST = _NAME + "add_host"
REMOVE_HOST = _NAME + "remove_host"
IMAGES = "compute:aggregates:images"
SET_METADATA = _NAME + "set_metadata"

_ALL = "/os-aggregates"
_ONE = "/os-aggregates/{aggregate_id}"
_ACTION = ("POST", _ONE + "/action")

RULES = [
    base.rule(INDEX, base.ADMIN, "List aggregates", ("GET", _ALL)),
    base.rule(SHOW, base.ADMIN, "Show an aggregate", ("GET", _ONE)),
    base.rule(CREATE, base.ADMIN, "Create an aggregate", ("POST", _ALL)),
    base.rule(UPDATE, base.ADMIN, "Rename an aggregate or change its zone", ("PUT", _ONE)),
    base.rule(DELETE, base.ADMIN, "Delete an aggregate", ("DELETE", _ONE)),
    base.rule(ADD_HOST, base.ADMIN, "Add a host to an aggregate", _ACTION),
    base.rule(REMOVE_HOST, base.ADMIN, "Remove a host from an aggregate", _ACTION),
    base.rule(
        IMAGES, base.ADMIN, "Cache images on an aggregate's hosts", ("POST", _ONE + "/images")
    ),
    base.rule(SET_METADATA, base.ADMIN, "Set an aggregate's metadata", _ACTION),
]
