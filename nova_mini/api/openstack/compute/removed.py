"""Routes and actions that Nova has removed from the Compute API: requests get 410 (Gone).

Methods of these paths that are not listed here are proxies to other services (``proxies``).
"""

from __future__ import annotations

from nova_mini.api.openstack.api_version import MAX_VERSION

REMOVED_ROUTES = (
    ("/os-agents", ("GET", "POST")),
    ("/os-agents/{id}", ("PUT", "DELETE")),
    ("/os-cells", ("GET", "POST")),
    ("/os-cells/capacities", ("GET",)),
    ("/os-cells/detail", ("GET",)),
    ("/os-cells/info", ("GET",)),
    ("/os-cells/sync_instances", ("POST",)),
    ("/os-cells/{id}", ("GET", "PUT", "DELETE")),
    ("/os-cells/{id}/capacities", ("GET",)),
    ("/os-certificates", ("POST",)),
    ("/os-certificates/{id}", ("GET",)),
    ("/os-cloudpipe", ("GET", "POST")),
    ("/os-cloudpipe/{id}", ("PUT",)),
    ("/os-fixed-ips/{id}", ("GET",)),
    ("/os-fixed-ips/{id}/action", ("POST",)),  # reserve, unreserve
    ("/os-floating-ip-dns", ("GET",)),
    ("/os-floating-ip-dns/{id}", ("PUT", "DELETE")),
    ("/os-floating-ip-dns/{domain_id}/entries/{id}", ("GET", "PUT", "DELETE")),
    ("/os-floating-ips-bulk", ("GET", "POST")),
    ("/os-floating-ips-bulk/{id}", ("GET", "PUT")),
    ("/os-fping", ("GET",)),
    ("/os-fping/{id}", ("GET",)),
    ("/os-networks", ("POST",)),
    ("/os-networks/add", ("POST",)),
    ("/os-networks/{id}", ("DELETE",)),
    ("/os-networks/{id}/action", ("POST",)),  # disassociate, …_host, …_project, associate_host
    ("/os-security-group-default-rules", ("GET", "POST")),
    ("/os-security-group-default-rules/{id}", ("GET", "DELETE")),
    ("/os-tenant-networks", ("POST",)),
    ("/os-tenant-networks/{id}", ("DELETE",)),
    ("/servers/{server_id}/consoles", ("GET", "POST")),
    ("/servers/{server_id}/consoles/{id}", ("GET", "DELETE")),
    ("/servers/{server_id}/os-virtual-interfaces", ("GET",)),
)

#: {action of a server: the last microversion that had it}
REMOVED_ACTIONS = {"resetNetwork": MAX_VERSION}
