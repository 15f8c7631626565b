"""The whole API as one table: a path, and what each method on it does.

``"<module>:<method>"`` is a method of the controller in that module of this package; a tuple of
modules stands for the actions that their controllers declare.
"""

ROUTE_LIST = (
    ("/servers", {"GET": "servers:index", "POST": "servers:create"}),
    ("/servers/detail", {"GET": "servers:detail"}),
    ("/servers/{id}", {"GET": "servers:show", "PUT": "servers:update", "DELETE": "servers:delete"}),
    ("/servers/{id}/action", {"POST": ("server_actions", "server_images", "shelve")}),
    (
        "/servers/{server_id}/metadata",
        {
            "GET": "server_metadata:index",
            "POST": "server_metadata:create",
            "PUT": "server_metadata:update_all",
        },
    ),
    (
        "/servers/{server_id}/metadata/{id}",
        {
            "GET": "server_metadata:show",
            "PUT": "server_metadata:update",
            "DELETE": "server_metadata:delete",
        },
    ),
    (
        "/servers/{server_id}/tags",
        {
            "GET": "server_tags:index",
            "PUT": "server_tags:update_all",
            "DELETE": "server_tags:delete_all",
        },
    ),
    (
        "/servers/{server_id}/tags/{id}",
        {"GET": "server_tags:show", "PUT": "server_tags:update", "DELETE": "server_tags:delete"},
    ),
    ("/servers/{server_id}/ips", {"GET": "ips:index"}),
    ("/servers/{server_id}/ips/{id}", {"GET": "ips:show"}),
    (
        "/servers/{server_id}/os-interface",
        {"GET": "attach_interfaces:index", "POST": "attach_interfaces:create"},
    ),
    (
        "/servers/{server_id}/os-interface/{id}",
        {"GET": "attach_interfaces:show", "DELETE": "attach_interfaces:delete"},
    ),
    (
        "/servers/{server_id}/os-volume_attachments",
        {"GET": "volume_attachments:index", "POST": "volume_attachments:create"},
    ),
    (
        "/servers/{server_id}/os-volume_attachments/{id}",
        {
            "GET": "volume_attachments:show",
            "PUT": "volume_attachments:update",
            "DELETE": "volume_attachments:delete",
        },
    ),
    ("/flavors", {"GET": "flavors:index", "POST": "flavors:create"}),
    ("/flavors/detail", {"GET": "flavors:detail"}),
    ("/flavors/{id}", {"GET": "flavors:show", "PUT": "flavors:update", "DELETE": "flavors:delete"}),
    ("/flavors/{id}/action", {"POST": ("flavor_access",)}),
    ("/flavors/{flavor_id}/os-flavor-access", {"GET": "flavor_access:index"}),
    (
        "/flavors/{flavor_id}/os-extra_specs",
        {"GET": "flavors_extraspecs:index", "POST": "flavors_extraspecs:create"},
    ),
    (
        "/flavors/{flavor_id}/os-extra_specs/{id}",
        {
            "GET": "flavors_extraspecs:show",
            "PUT": "flavors_extraspecs:update",
            "DELETE": "flavors_extraspecs:delete",
        },
    ),
    (
        "/servers/{server_id}/os-instance-actions",
        {"GET": "instance_actions:index"},
    ),
    ("/servers/{server_id}/os-instance-actions/{id}", {"GET": "instance_actions:show"}),
    ("/os-keypairs", {"GET": "keypairs:index", "POST": "keypairs:create"}),
    ("/os-keypairs/{id}", {"GET": "keypairs:show", "DELETE": "keypairs:delete"}),
    ("/limits", {"GET": "limits:index"}),
    (
        "/os-quota-sets/{id}",
        {"GET": "quota_sets:show", "PUT": "quota_sets:update", "DELETE": "quota_sets:delete"},
    ),
    ("/os-quota-sets/{id}/defaults", {"GET": "quota_sets:defaults"}),
    ("/os-quota-sets/{id}/detail", {"GET": "quota_sets:detail"}),
    (
        "/os-quota-class-sets/{id}",
        {"GET": "quota_classes:show", "PUT": "quota_classes:update"},
    ),
    ("/os-simple-tenant-usage", {"GET": "simple_tenant_usage:index"}),
    ("/os-simple-tenant-usage/{id}", {"GET": "simple_tenant_usage:show"}),
    ("/os-services", {"GET": "services:index"}),
    ("/os-services/enable", {"PUT": "services:enable"}),
    ("/os-services/disable", {"PUT": "services:disable"}),
    ("/os-services/disable-log-reason", {"PUT": "services:disable_log_reason"}),
    ("/os-services/force-down", {"PUT": "services:force_down"}),
    ("/os-services/{id}", {"PUT": "services:update", "DELETE": "services:delete"}),
    ("/os-hypervisors", {"GET": "hypervisors:index"}),
    ("/os-hypervisors/detail", {"GET": "hypervisors:detail"}),
    ("/os-hypervisors/statistics", {"GET": "hypervisors:statistics"}),
    ("/os-hypervisors/{id}", {"GET": "hypervisors:show"}),
    ("/os-hypervisors/{id}/uptime", {"GET": "hypervisors:uptime"}),
    ("/os-hypervisors/{id}/search", {"GET": "hypervisors:search"}),
    ("/os-hypervisors/{id}/servers", {"GET": "hypervisors:servers"}),
    ("/os-availability-zone", {"GET": "availability_zone:index"}),
    ("/os-availability-zone/detail", {"GET": "availability_zone:detail"}),
    ("/os-aggregates", {"GET": "aggregates:index", "POST": "aggregates:create"}),
    (
        "/os-aggregates/{id}",
        {"GET": "aggregates:show", "PUT": "aggregates:update", "DELETE": "aggregates:delete"},
    ),
    ("/os-aggregates/{id}/action", {"POST": ("aggregates",)}),
    ("/os-aggregates/{id}/images", {"POST": "aggregates:images"}),
    ("/os-server-external-events", {"POST": "server_external_events:create"}),
)
