"""The paths of the proxies, as a part of the table in ``compute/routes.py``."""

from __future__ import annotations

from typing import Any

from nova_mini.api.openstack.proxies.floating_ips import (
    FloatingIPPoolsController,
    FloatingIPsController,
)
from nova_mini.api.openstack.proxies.hosts import HostsController
from nova_mini.api.openstack.proxies.images import ImageMetadataController, ImagesController
from nova_mini.api.openstack.proxies.networks import NetworksController, TenantNetworksController
from nova_mini.api.openstack.proxies.security_groups import (
    SecurityGroupRulesController,
    SecurityGroupsController,
)
from nova_mini.api.openstack.proxies.volumes import SnapshotsController, VolumesController

PROXY_ROUTES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/images", {"GET": ImagesController.index}),
    ("/images/detail", {"GET": ImagesController.detail}),
    ("/images/{id}", {"GET": ImagesController.show, "DELETE": ImagesController.delete}),
    (
        "/images/{image_id}/metadata",
        {
            "GET": ImageMetadataController.index,
            "POST": ImageMetadataController.create,
            "PUT": ImageMetadataController.update_all,
        },
    ),
    (
        "/images/{image_id}/metadata/{id}",
        {
            "GET": ImageMetadataController.show,
            "PUT": ImageMetadataController.update,
            "DELETE": ImageMetadataController.delete,
        },
    ),
    ("/os-networks", {"GET": NetworksController.index}),
    ("/os-networks/{id}", {"GET": NetworksController.show}),
    ("/os-tenant-networks", {"GET": TenantNetworksController.index}),
    ("/os-tenant-networks/{id}", {"GET": TenantNetworksController.show}),
    (
        "/os-security-groups",
        {"GET": SecurityGroupsController.index, "POST": SecurityGroupsController.create},
    ),
    (
        "/os-security-groups/{id}",
        {
            "GET": SecurityGroupsController.show,
            "PUT": SecurityGroupsController.update,
            "DELETE": SecurityGroupsController.delete,
        },
    ),
    ("/os-security-group-rules", {"POST": SecurityGroupRulesController.create}),
    ("/os-security-group-rules/{id}", {"DELETE": SecurityGroupRulesController.delete}),
    (
        "/os-floating-ips",
        {"GET": FloatingIPsController.index, "POST": FloatingIPsController.create},
    ),
    (
        "/os-floating-ips/{id}",
        {"GET": FloatingIPsController.show, "DELETE": FloatingIPsController.delete},
    ),
    ("/os-floating-ip-pools", {"GET": FloatingIPPoolsController.index}),
    ("/os-volumes", {"GET": VolumesController.index, "POST": VolumesController.create}),
    ("/os-volumes/detail", {"GET": VolumesController.detail}),
    ("/os-volumes/{id}", {"GET": VolumesController.show, "DELETE": VolumesController.delete}),
    ("/os-snapshots", {"GET": SnapshotsController.index, "POST": SnapshotsController.create}),
    ("/os-snapshots/detail", {"GET": SnapshotsController.detail}),
    (
        "/os-snapshots/{id}",
        {"GET": SnapshotsController.show, "DELETE": SnapshotsController.delete},
    ),
    ("/os-hosts", {"GET": HostsController.index}),
    ("/os-hosts/{id}", {"GET": HostsController.show, "PUT": HostsController.update}),
    ("/os-hosts/{id}/startup", {"GET": HostsController.startup}),
    ("/os-hosts/{id}/shutdown", {"GET": HostsController.shutdown}),
    ("/os-hosts/{id}/reboot", {"GET": HostsController.reboot}),
)
