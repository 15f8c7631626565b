"""A server's history: its project sees the actions, administrators also why they failed."""

from nova_mini.policies import base

_NAME = "os_compute_api:os-instance-actions:"
LIST = _NAME + "list"
SHOW = _NAME + "show"
EVENTS = _NAME + "events"
EVENT_DETAILS = _NAME + "events:details"

_ALL = "/servers/{server_id}/os-instance-actions"
_ONE = _ALL + "/{request_id}"

RULES = [
    base.rule(LIST, base.PROJECT_READER_OR_ADMIN, "List actions of a server", ("GET", _ALL)),
    base.rule(SHOW, base.PROJECT_READER_OR_ADMIN, "Show an action", ("GET", _ONE)),
    base.rule(EVENTS, base.ADMIN, "See tracebacks and hosts in an action's events", ("GET", _ONE)),
    base.rule(EVENT_DETAILS, base.ADMIN, "See the details of an action's events", ("GET", _ONE)),
]
