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
FLOATING_IPS_LIST = "os_compute_api:os-floating-ips:list"
FLOATING_IPS_SHOW = "os_compute_api:os-floating-ips:show"
FLOATING_IPS_CREATE = "os_compute_api:os-floating-ips:create"
FLOATING_IPS_DELETE = "os_compute_api:os-floating-ips:delete"
FLOATING_IP_ADD = "os_compute_api:os-floating-ips:add"
FLOATING_IP_REMOVE = "os_compute_api:os-floating-ips:remove"
FLOATING_IP_POOLS = "os_compute_api:os-floating-ip-pools"
FIXED_IP_ADD = "os_compute_api:os-multinic:add"
FIXED_IP_REMOVE = "os_compute_api:os-multinic:remove"
VOLUMES_LIST = "os_compute_api:os-volumes:list"
VOLUMES_DETAIL = "os_compute_api:os-volumes:detail"
VOLUMES_SHOW = "os_compute_api:os-volumes:show"
VOLUMES_CREATE = "os_compute_api:os-volumes:create"
VOLUMES_DELETE = "os_compute_api:os-volumes:delete"
SNAPSHOTS_LIST = "os_compute_api:os-volumes:snapshots:list"
SNAPSHOTS_DETAIL = "os_compute_api:os-volumes:snapshots:detail"
SNAPSHOTS_SHOW = "os_compute_api:os-volumes:snapshots:show"
SNAPSHOTS_CREATE = "os_compute_api:os-volumes:snapshots:create"
SNAPSHOTS_DELETE = "os_compute_api:os-volumes:snapshots:delete"

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
    FLOATING_IPS_LIST: ("List floating IPs", "GET", "/os-floating-ips"),
    FLOATING_IPS_SHOW: ("Show a floating IP", "GET", "/os-floating-ips/{floating_ip_id}"),
    VOLUMES_LIST: ("List volumes", "GET", "/os-volumes"),
    VOLUMES_DETAIL: ("List volumes in detail", "GET", "/os-volumes/detail"),
    VOLUMES_SHOW: ("Show a volume", "GET", "/os-volumes/{volume_id}"),
    SNAPSHOTS_LIST: ("List snapshots of volumes", "GET", "/os-snapshots"),
    SNAPSHOTS_DETAIL: ("List snapshots of volumes in detail", "GET", "/os-snapshots/detail"),
    SNAPSHOTS_SHOW: ("Show a snapshot of a volume", "GET", "/os-snapshots/{snapshot_id}"),
}
_FOR_MEMBERS = {
    FIXED_IP_ADD: ("Add a fixed IP to a server", *_ACTION),
    FIXED_IP_REMOVE: ("Remove a fixed IP from a server", *_ACTION),
    FLOATING_IP_ADD: ("Associate a floating IP with a server", *_ACTION),
    FLOATING_IP_REMOVE: ("Disassociate a floating IP from a server", *_ACTION),
    FLOATING_IPS_CREATE: ("Allocate a floating IP", "POST", "/os-floating-ips"),
    FLOATING_IPS_DELETE: ("Delete a floating IP", "DELETE", "/os-floating-ips/{floating_ip_id}"),
    VOLUMES_CREATE: ("Create a volume", "POST", "/os-volumes"),
    VOLUMES_DELETE: ("Delete a volume", "DELETE", "/os-volumes/{volume_id}"),
    SNAPSHOTS_CREATE: ("Create a snapshot of a volume", "POST", "/os-snapshots"),
    SNAPSHOTS_DELETE: ("Delete a snapshot", "DELETE", "/os-snapshots/{snapshot_id}"),
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

_FOR_ALL = {
    FLOATING_IP_POOLS: ("List pools of floating IPs", "GET", "/os-floating-ip-pools"),
}

RULES = [
    base.rule(name, role, description, (method, path))
    for role, rules in (
        (base.PROJECT_READER_OR_ADMIN, _FOR_READERS),
        (base.PROJECT_MEMBER_OR_ADMIN, _FOR_MEMBERS),
        (base.ADMIN, _FOR_ADMINS),
        (base.ANY, _FOR_ALL),
    )
    for name, (description, method, path) in rules.items()
]
