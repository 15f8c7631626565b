"""The whole API as one table: {HTTP method: the controller method that serves it} of each path.

A path that ends in ``/action`` has controllers instead of methods. The body of the request names an
action of one of them (see ``wsgi.action``).
"""

from __future__ import annotations

from typing import Any

from nova_mini.api.openstack.compute.admin_password import AdminPasswordController
from nova_mini.api.openstack.compute.aggregates import AggregatesController
from nova_mini.api.openstack.compute.assisted_volume_snapshots import (
    AssistedVolumeSnapshotsController,
)
from nova_mini.api.openstack.compute.attach_interfaces import InterfaceAttachmentController
from nova_mini.api.openstack.compute.availability_zone import AvailabilityZoneController
from nova_mini.api.openstack.compute.console_auth_tokens import ConsoleAuthTokensController
from nova_mini.api.openstack.compute.create_backup import CreateBackupController
from nova_mini.api.openstack.compute.deferred_delete import DeferredDeleteController
from nova_mini.api.openstack.compute.evacuate import EvacuateController
from nova_mini.api.openstack.compute.extension_info import ExtensionInfoController
from nova_mini.api.openstack.compute.flavor_access import FlavorAccessController
from nova_mini.api.openstack.compute.flavors import FlavorsController
from nova_mini.api.openstack.compute.flavors_extraspecs import FlavorExtraSpecsController
from nova_mini.api.openstack.compute.hypervisors import HypervisorsController
from nova_mini.api.openstack.compute.instance_actions import InstanceActionsController
from nova_mini.api.openstack.compute.instance_usage_audit_log import InstanceUsageAuditLogController
from nova_mini.api.openstack.compute.ips import IPsController
from nova_mini.api.openstack.compute.keypairs import KeypairsController
from nova_mini.api.openstack.compute.limits import LimitsController
from nova_mini.api.openstack.compute.migrations import MigrationsController
from nova_mini.api.openstack.compute.quota_classes import QuotaClassSetsController
from nova_mini.api.openstack.compute.quota_sets import QuotaSetsController
from nova_mini.api.openstack.compute.remote_consoles import RemoteConsolesController
from nova_mini.api.openstack.compute.rescue import RescueController
from nova_mini.api.openstack.compute.server_actions import ServerActionsController
from nova_mini.api.openstack.compute.server_diagnostics import ServerDiagnosticsController
from nova_mini.api.openstack.compute.server_external_events import ServerExternalEventsController
from nova_mini.api.openstack.compute.server_groups import ServerGroupsController
from nova_mini.api.openstack.compute.server_images import ServerImagesController
from nova_mini.api.openstack.compute.server_metadata import ServerMetadataController
from nova_mini.api.openstack.compute.server_migrations import ServerMigrationsController
from nova_mini.api.openstack.compute.server_moves import ServerMovesController
from nova_mini.api.openstack.compute.server_password import ServerPasswordController
from nova_mini.api.openstack.compute.server_security_groups import ServerSecurityGroupsController
from nova_mini.api.openstack.compute.server_shares import ServerSharesController
from nova_mini.api.openstack.compute.server_tags import ServerTagsController
from nova_mini.api.openstack.compute.server_topology import ServerTopologyController
from nova_mini.api.openstack.compute.servers import ServersController
from nova_mini.api.openstack.compute.services import ServicesController
from nova_mini.api.openstack.compute.shelve import ShelveController
from nova_mini.api.openstack.compute.simple_tenant_usage import SimpleTenantUsageController
from nova_mini.api.openstack.compute.versions import VersionsController
from nova_mini.api.openstack.compute.volume_attachments import VolumeAttachmentController
from nova_mini.api.openstack.proxies.routes import PROXY_ROUTES
from nova_mini.api.openstack.proxies.server_addresses import ServerAddressesController

# (path, {HTTP method: a method of a controller, or the controllers whose actions it serves})
ROUTE_LIST: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/servers", {"GET": ServersController.index, "POST": ServersController.create}),
    ("/servers/detail", {"GET": ServersController.detail}),
    (
        "/servers/{id}",
        {
            "GET": ServersController.show,
            "PUT": ServersController.update,
            "DELETE": ServersController.delete,
        },
    ),
    (
        "/servers/{id}/action",
        {
            "POST": (
                ServerActionsController,
                ServerImagesController,
                ServerMovesController,
                ShelveController,
                RescueController,
                DeferredDeleteController,
                CreateBackupController,
                AdminPasswordController,
                EvacuateController,
                ServerAddressesController,
                RemoteConsolesController,
            )
        },
    ),
    (
        "/servers/{server_id}/metadata",
        {
            "GET": ServerMetadataController.index,
            "POST": ServerMetadataController.create,
            "PUT": ServerMetadataController.update_all,
        },
    ),
    (
        "/servers/{server_id}/metadata/{id}",
        {
            "GET": ServerMetadataController.show,
            "PUT": ServerMetadataController.update,
            "DELETE": ServerMetadataController.delete,
        },
    ),
    (
        "/servers/{server_id}/tags",
        {
            "GET": ServerTagsController.index,
            "PUT": ServerTagsController.update_all,
            "DELETE": ServerTagsController.delete_all,
        },
    ),
    (
        "/servers/{server_id}/tags/{id}",
        {
            "GET": ServerTagsController.show,
            "PUT": ServerTagsController.update,
            "DELETE": ServerTagsController.delete,
        },
    ),
    ("/servers/{server_id}/ips", {"GET": IPsController.index}),
    ("/servers/{server_id}/ips/{id}", {"GET": IPsController.show}),
    (
        "/servers/{server_id}/os-interface",
        {"GET": InterfaceAttachmentController.index, "POST": InterfaceAttachmentController.create},
    ),
    (
        "/servers/{server_id}/os-interface/{id}",
        {"GET": InterfaceAttachmentController.show, "DELETE": InterfaceAttachmentController.delete},
    ),
    (
        "/servers/{server_id}/os-server-password",
        {"GET": ServerPasswordController.index, "DELETE": ServerPasswordController.clear},
    ),
    ("/servers/{server_id}/remote-consoles", {"POST": RemoteConsolesController.create}),
    ("/servers/{server_id}/diagnostics", {"GET": ServerDiagnosticsController.index}),
    ("/servers/{server_id}/topology", {"GET": ServerTopologyController.index}),
    ("/servers/{server_id}/os-security-groups", {"GET": ServerSecurityGroupsController.index}),
    (
        "/servers/{server_id}/os-volume_attachments",
        {"GET": VolumeAttachmentController.index, "POST": VolumeAttachmentController.create},
    ),
    (
        "/servers/{server_id}/os-volume_attachments/{id}",
        {
            "GET": VolumeAttachmentController.show,
            "PUT": VolumeAttachmentController.update,
            "DELETE": VolumeAttachmentController.delete,
        },
    ),
    (
        "/servers/{server_id}/shares",
        {"GET": ServerSharesController.index, "POST": ServerSharesController.create},
    ),
    (
        "/servers/{server_id}/shares/{id}",
        {"GET": ServerSharesController.show, "DELETE": ServerSharesController.delete},
    ),
    ("/flavors", {"GET": FlavorsController.index, "POST": FlavorsController.create}),
    ("/flavors/detail", {"GET": FlavorsController.detail}),
    (
        "/flavors/{id}",
        {
            "GET": FlavorsController.show,
            "PUT": FlavorsController.update,
            "DELETE": FlavorsController.delete,
        },
    ),
    ("/flavors/{id}/action", {"POST": (FlavorAccessController,)}),
    ("/flavors/{flavor_id}/os-flavor-access", {"GET": FlavorAccessController.index}),
    (
        "/flavors/{flavor_id}/os-extra_specs",
        {"GET": FlavorExtraSpecsController.index, "POST": FlavorExtraSpecsController.create},
    ),
    (
        "/flavors/{flavor_id}/os-extra_specs/{id}",
        {
            "GET": FlavorExtraSpecsController.show,
            "PUT": FlavorExtraSpecsController.update,
            "DELETE": FlavorExtraSpecsController.delete,
        },
    ),
    ("/servers/{server_id}/os-instance-actions", {"GET": InstanceActionsController.index}),
    ("/servers/{server_id}/os-instance-actions/{id}", {"GET": InstanceActionsController.show}),
    ("/servers/{server_id}/migrations", {"GET": ServerMigrationsController.index}),
    (
        "/servers/{server_id}/migrations/{id}",
        {"GET": ServerMigrationsController.show, "DELETE": ServerMigrationsController.delete},
    ),
    ("/servers/{server_id}/migrations/{id}/action", {"POST": (ServerMigrationsController,)}),
    ("/versions/{id}", {"GET": VersionsController.show}),
    ("/extensions", {"GET": ExtensionInfoController.index}),
    ("/extensions/{id}", {"GET": ExtensionInfoController.show}),
    ("/os-keypairs", {"GET": KeypairsController.index, "POST": KeypairsController.create}),
    ("/os-keypairs/{id}", {"GET": KeypairsController.show, "DELETE": KeypairsController.delete}),
    (
        "/os-server-groups",
        {"GET": ServerGroupsController.index, "POST": ServerGroupsController.create},
    ),
    (
        "/os-server-groups/{id}",
        {"GET": ServerGroupsController.show, "DELETE": ServerGroupsController.delete},
    ),
    ("/limits", {"GET": LimitsController.index}),
    (
        "/os-quota-sets/{id}",
        {
            "GET": QuotaSetsController.show,
            "PUT": QuotaSetsController.update,
            "DELETE": QuotaSetsController.delete,
        },
    ),
    ("/os-quota-sets/{id}/defaults", {"GET": QuotaSetsController.defaults}),
    ("/os-quota-sets/{id}/detail", {"GET": QuotaSetsController.detail}),
    (
        "/os-quota-class-sets/{id}",
        {"GET": QuotaClassSetsController.show, "PUT": QuotaClassSetsController.update},
    ),
    ("/os-simple-tenant-usage", {"GET": SimpleTenantUsageController.index}),
    ("/os-simple-tenant-usage/{id}", {"GET": SimpleTenantUsageController.show}),
    ("/os-instance_usage_audit_log", {"GET": InstanceUsageAuditLogController.index}),
    ("/os-instance_usage_audit_log/{id}", {"GET": InstanceUsageAuditLogController.show}),
    ("/os-services", {"GET": ServicesController.index}),
    ("/os-services/enable", {"PUT": ServicesController.enable}),
    ("/os-services/disable", {"PUT": ServicesController.disable}),
    ("/os-services/disable-log-reason", {"PUT": ServicesController.disable_log_reason}),
    ("/os-services/force-down", {"PUT": ServicesController.force_down}),
    ("/os-services/{id}", {"PUT": ServicesController.update, "DELETE": ServicesController.delete}),
    ("/os-hypervisors", {"GET": HypervisorsController.index}),
    ("/os-hypervisors/detail", {"GET": HypervisorsController.detail}),
    ("/os-hypervisors/statistics", {"GET": HypervisorsController.statistics}),
    ("/os-hypervisors/{id}", {"GET": HypervisorsController.show}),
    ("/os-hypervisors/{id}/uptime", {"GET": HypervisorsController.uptime}),
    ("/os-hypervisors/{id}/search", {"GET": HypervisorsController.search}),
    ("/os-hypervisors/{id}/servers", {"GET": HypervisorsController.servers}),
    ("/os-availability-zone", {"GET": AvailabilityZoneController.index}),
    ("/os-availability-zone/detail", {"GET": AvailabilityZoneController.detail}),
    ("/os-aggregates", {"GET": AggregatesController.index, "POST": AggregatesController.create}),
    (
        "/os-aggregates/{id}",
        {
            "GET": AggregatesController.show,
            "PUT": AggregatesController.update,
            "DELETE": AggregatesController.delete,
        },
    ),
    ("/os-aggregates/{id}/action", {"POST": (AggregatesController,)}),
    ("/os-aggregates/{id}/images", {"POST": AggregatesController.images}),
    ("/os-migrations", {"GET": MigrationsController.index}),
    ("/os-console-auth-tokens/{id}", {"GET": ConsoleAuthTokensController.show}),
    ("/os-assisted-volume-snapshots", {"POST": AssistedVolumeSnapshotsController.create}),
    ("/os-assisted-volume-snapshots/{id}", {"DELETE": AssistedVolumeSnapshotsController.delete}),
    ("/os-server-external-events", {"POST": ServerExternalEventsController.create}),
    *PROXY_ROUTES,
)
