"""The parts of the API that pass requests on to other services, and ``os-hosts``."""

from nova_mini.policies import base

_ACTION = ("POST", "/servers/{server_id}/action")

NETWORKS_LIST = "os_compute_api:os-networks:list"
NETWORKS_SHOW = "os_compute_api:os-networks:show"
TENANT_NETWORKS_LIST = "os_compute_api:os-tenant-networks:list"
TENANT_NETWORKS_SHOW = "os_compute_api:os-tenant-networks:show"
HOSTS_LIST = "os_compute_api:os-hosts:list"
HOSTS_SHOW = "os_compute_api:os-hosts:show"
HOSTS_UPDATE = "os_compute_api:os-hosts:update"
HOSTS_REBOOT = "os_compute_api:os-hosts:reboot"
HOSTS_SHUTDOWN = "os_compute_api:os-hosts:shutdown"
HOSTS_START = "os_compute_api:os-hosts:start"
SECURITY_GROUPS_GET = "os_compute_api:os-security-groups:get"
SECURITY_GROUPS_SHOW = "os_compute_api:os-security-groups:show"
SECURITY_GROUPS_CREATE = "os_compute_api:os-security-groups:create"
SECURITY_GROUPS_UPDATE = "os_compute_api:os-security-groups:update"
SECURITY_GROUPS_DELETE = "os_compute_api:os-security-groups:delete"
RULE_CREATE = "os_compute_api:os-security-groups:rule:create"
RULE_DELETE = "os_compute_api:os-security-groups:rule:delete"

# rule -> (description, method, path)
_FOR_READERS = {
    NETWORKS_LIST: ("List networks", "GET", "/os-networks"),
    NETWORKS_SHOW: ("Show a network", "GET", "/os-networks/{network_id}"),
    TENANT_NETWORKS_LIST: ("List networks of a project", "GET", "/os-tenant-networks"),
    TENANT_NETWORKS_SHOW: (
        "Show a network of a project",
        "GET",
        "/os-tenant-networks/{network_id}",
    ),
    SECURITY_GROUPS_GET: ("List security groups", "GET", "/os-security-groups"),
    SECURITY_GROUPS_SHOW: (
        "Show a security group",
        "GET",
        "/os-security-groups/{security_group_id}",
    ),
}
_FOR_MEMBERS = {
    SECURITY_GROUPS_CREATE: ("Create a security group", "POST", "/os-security-groups"),
    SECURITY_GROUPS_UPDATE: (
        "Update a security group",
        "PUT",
        "/os-security-groups/{security_group_id}",
    ),
    SECURITY_GROUPS_DELETE: (
        "Delete a security group",
        "DELETE",
        "/os-security-groups/{security_group_id}",
    ),
    RULE_CREATE: ("Create a rule of a security group", "POST", "/os-security-group-rules"),
    RULE_DELETE: (
        "Delete a rule of a security group",
        "DELETE",
        "/os-security-group-rules/{rule_id}",
    ),
}
_FOR_ADMINS = {
    HOSTS_LIST: ("List hosts", "GET", "/os-hosts"),
    HOSTS_SHOW: ("Show the resources of a host", "GET", "/os-hosts/{host_name}"),
    HOSTS_UPDATE: ("Enable or disable a host", "PUT", "/os-hosts/{host_name}"),
    HOSTS_REBOOT: ("Reboot a host", "GET", "/os-hosts/{host_name}/reboot"),
    HOSTS_SHUTDOWN: ("Shut a host down", "GET", "/os-hosts/{host_name}/shutdown"),
    HOSTS_START: ("Start a host", "GET", "/os-hosts/{host_name}/startup"),
}

RULES = [
    base.rule(name, role, description, (method, path))
    for role, rules in (
        (base.PROJECT_READER_OR_ADMIN, _FOR_READERS),
        (base.PROJECT_MEMBER_OR_ADMIN, _FOR_MEMBERS),
        (base.ADMIN, _FOR_ADMINS),
    )
    for name, (description, method, path) in rules.items()
]
