"""Hypervisors: for administrators only."""

from nova_mini.policies import base

_NAME = "os_compute_api:os-hypervisors:"
LIST = _NAME + "list"
LIST_DETAIL = _NAME + "list-detail"
SHOW = _NAME + "show"
STATISTICS = _NAME + "statistics"
UPTIME = _NAME + "uptime"
SEARCH = _NAME + "search"
SERVERS = _NAME + "servers"

_ALL = "/os-hypervisors"
_ONE = "/os-hypervisors/{hypervisor_id}"

RULES = [
    base.rule(LIST, base.ADMIN, "List hypervisors", ("GET", _ALL)),
    base.rule(LIST_DETAIL, base.ADMIN, "List hypervisors with details", ("GET", _ALL + "/detail")),
    base.rule(SHOW, base.ADMIN, "Show a hypervisor", ("GET", _ONE)),
    base.rule(
        STATISTICS, base.ADMIN, "Show the sums of all hypervisors", ("GET", _ALL + "/statistics")
    ),
    base.rule(UPTIME, base.ADMIN, "Show a hypervisor's uptime", ("GET", _ONE + "/uptime")),
    base.rule(SEARCH, base.ADMIN, "Search hypervisors by name", ("GET", _ONE + "/search")),
    base.rule(SERVERS, base.ADMIN, "List the servers on hypervisors", ("GET", _ONE + "/servers")),
]
