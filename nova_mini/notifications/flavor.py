"""Notifications about flavors: ``flavor.create``, ``flavor.update`` and ``flavor.delete``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nova_mini.notifications import versioned
from nova_mini.notifications.versioned import field_of

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.flavor import Flavor


def notify_about_flavor(context: RequestContext, flavor: Flavor, action: str) -> None:
    """Send ``flavor.ACTION``, which exists only versioned. Called by the API after the change.

    ``action``: ``create``, ``update`` (also for extra specs and access), ``delete``.
    """

    def make() -> dict[str, Any]:
        return payload_of(flavor, None if action == "delete" else flavor.get_access())

    versioned.send(context, f"flavor.{action}", versioned.API, make)


def payload_of(flavor: Flavor, projects: list[str] | None = None) -> dict[str, Any]:
    """``projects``: those that may use a private flavor; None: they were not read."""
    data = {
        "flavorid": flavor.flavorid,
        "memory_mb": flavor.memory_mb,
        "vcpus": flavor.vcpus,
        "root_gb": flavor.root_gb,
        "ephemeral_gb": flavor.ephemeral_gb,
        "name": flavor.name,
        "swap": flavor.swap,
        # Not every field is stored with a server.
        "rxtx_factor": field_of(flavor, "rxtx_factor", 1.0),
        "vcpu_weight": 0,
        "disabled": field_of(flavor, "disabled", False),
        "is_public": field_of(flavor, "is_public", True),
        "extra_specs": field_of(flavor, "extra_specs", {}),
        "projects": projects,
        "description": field_of(flavor, "description"),
    }
    return versioned.serialized("FlavorPayload", "1.4", data)
