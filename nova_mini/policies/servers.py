"""Servers."""

from nova_mini.policies import base

_SERVERS = "/servers"
_SERVER = "/servers/{server_id}"
_ACTION = ("POST", "/servers/{server_id}/action")

INDEX = "os_compute_api:servers:index"
DETAIL = "os_compute_api:servers:detail"
INDEX_ALL_TENANTS = "os_compute_api:servers:index:get_all_tenants"
DETAIL_ALL_TENANTS = "os_compute_api:servers:detail:get_all_tenants"
ALL_FILTERS = "os_compute_api:servers:allow_all_filters"
SHOW = "os_compute_api:servers:show"
SHOW_HOST_STATUS = "os_compute_api:servers:show:host_status"
SHOW_HOST_STATUS_UNKNOWN = "os_compute_api:servers:show:host_status:unknown-only"
SHOW_FLAVOR_EXTRA_SPECS = "os_compute_api:servers:show:flavor-extra-specs"
CREATE = "os_compute_api:servers:create"
CREATE_FORCED_HOST = "os_compute_api:servers:create:forced_host"
CREATE_REQUESTED_DESTINATION = "compute:servers:create:requested_destination"
CREATE_ATTACH_NETWORK = "os_compute_api:servers:create:attach_network"
CREATE_ATTACH_VOLUME = "os_compute_api:servers:create:attach_volume"
ATTACH_EXTERNAL_NETWORK = "network:attach_external_network"
CREATE_ZERO_DISK_FLAVOR = "os_compute_api:servers:create:zero_disk_flavor"
UPDATE = "os_compute_api:servers:update"
DELETE = "os_compute_api:servers:delete"
REBOOT = "os_compute_api:servers:reboot"
REBUILD = "os_compute_api:servers:rebuild"
RESIZE = "os_compute_api:servers:resize"
CONFIRM_RESIZE = "os_compute_api:servers:confirm_resize"
REVERT_RESIZE = "os_compute_api:servers:revert_resize"
CREATE_IMAGE = "os_compute_api:servers:create_image"
CREATE_IMAGE_VOLUME_BACKED = "os_compute_api:servers:create_image:allow_volume_backed"
START = "os_compute_api:servers:start"
STOP = "os_compute_api:servers:stop"
TRIGGER_CRASH_DUMP = "os_compute_api:servers:trigger_crash_dump"

RULES = [
    base.rule(INDEX, base.PROJECT_READER_OR_ADMIN, "List servers", ("GET", _SERVERS)),
    base.rule(
        DETAIL, base.PROJECT_READER_OR_ADMIN, "List servers in detail", ("GET", "/servers/detail")
    ),
    base.rule(INDEX_ALL_TENANTS, base.ADMIN, "List every project's servers", ("GET", _SERVERS)),
    base.rule(
        DETAIL_ALL_TENANTS,
        base.ADMIN,
        "List every project's servers in detail",
        ("GET", "/servers/detail"),
    ),
    base.rule(
        ALL_FILTERS,
        base.ADMIN,
        "Use every filter in lists of servers",
        ("GET", _SERVERS),
        ("GET", "/servers/detail"),
    ),
    base.rule(SHOW, base.PROJECT_READER_OR_ADMIN, "Show a server", ("GET", _SERVER)),
    base.rule(
        SHOW_FLAVOR_EXTRA_SPECS,
        base.PROJECT_READER_OR_ADMIN,
        "Show the extra specs of a server's flavor (2.47)",
        ("GET", _SERVER),
        ("GET", "/servers/detail"),
    ),
    base.rule(
        SHOW_HOST_STATUS,
        base.ADMIN,
        "Show the state of a server's host (2.16)",
        ("GET", _SERVER),
        ("GET", "/servers/detail"),
    ),
    base.rule(
        SHOW_HOST_STATUS_UNKNOWN,
        base.ADMIN,
        "Show the state of a server's host (2.16) only when it is UNKNOWN",
        ("GET", _SERVER),
        ("GET", "/servers/detail"),
    ),
    base.rule(CREATE, base.PROJECT_MEMBER_OR_ADMIN, "Create a server", ("POST", _SERVERS)),
    base.rule(
        CREATE_FORCED_HOST,
        base.ADMIN,
        "Name a host in availability_zone, without the scheduler's filters",
        ("POST", _SERVERS),
    ),
    base.rule(
        CREATE_REQUESTED_DESTINATION,
        base.ADMIN,
        "Request a host, which must pass the scheduler's filters (2.74)",
        ("POST", _SERVERS),
    ),
    base.rule(
        CREATE_ATTACH_NETWORK,
        base.PROJECT_MEMBER_OR_ADMIN,
        "Create a server with networks that the request names",
        ("POST", _SERVERS),
    ),
    base.rule(
        CREATE_ATTACH_VOLUME,
        base.PROJECT_MEMBER_OR_ADMIN,
        "Create a server with disks that the request names",
        ("POST", _SERVERS),
    ),
    base.rule(
        ATTACH_EXTERNAL_NETWORK,
        base.ADMIN,
        "Attach a server to an external network that is not shared",
        ("POST", _SERVERS),
        ("POST", "/servers/{server_id}/os-interface"),
    ),
    base.rule(
        CREATE_ZERO_DISK_FLAVOR,
        base.ADMIN,
        "Create a server whose flavor does not limit the root disk",
        ("POST", _SERVERS),
    ),
    base.rule(
        UPDATE,
        base.PROJECT_MEMBER_OR_ADMIN,
        "Update a server's name, description and similar properties",
        ("PUT", _SERVER),
    ),
    base.rule(DELETE, base.PROJECT_MEMBER_OR_ADMIN, "Delete a server", ("DELETE", _SERVER)),
    base.rule(REBOOT, base.PROJECT_MEMBER_OR_ADMIN, "Reboot a server", _ACTION),
    base.rule(REBUILD, base.PROJECT_MEMBER_OR_ADMIN, "Rebuild a server", _ACTION),
    base.rule(RESIZE, base.PROJECT_MEMBER_OR_ADMIN, "Resize a server", _ACTION),
    base.rule(CONFIRM_RESIZE, base.PROJECT_MEMBER_OR_ADMIN, "Confirm a resize", _ACTION),
    base.rule(REVERT_RESIZE, base.PROJECT_MEMBER_OR_ADMIN, "Revert a resize", _ACTION),
    base.rule(CREATE_IMAGE, base.PROJECT_MEMBER_OR_ADMIN, "Create an image of a server", _ACTION),
    base.rule(
        CREATE_IMAGE_VOLUME_BACKED,
        base.PROJECT_MEMBER_OR_ADMIN,
        "Create an image of a server whose root disk is a volume",
        _ACTION,
    ),
    base.rule(START, base.PROJECT_MEMBER_OR_ADMIN, "Start a server", _ACTION),
    base.rule(STOP, base.PROJECT_MEMBER_OR_ADMIN, "Stop a server", _ACTION),
    base.rule(
        TRIGGER_CRASH_DUMP,
        base.PROJECT_MEMBER_OR_ADMIN,
        "Make the system of a server write a crash dump (2.17)",
        _ACTION,
    ),
]
