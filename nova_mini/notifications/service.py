"""Notifications about the records of services: ``service.<action>``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nova_mini.notifications import versioned

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.service import Service


def notify_about_service(context: RequestContext, service: Service, action: str) -> None:
    """Send ``service.ACTION``, which exists only versioned, in the name of the service.

    ``action``: ``create``, when a service has started under its name for the first time;
    ``update``, when it was enabled, disabled or forced down by a request; ``delete``. Called by the
    service, the API and commands.
    """
    versioned.send(
        context,
        f"service.{action}",
        service.public_binary,
        lambda: _payload(service),
        host=service.host,
    )


def _payload(service: Service) -> dict[str, Any]:
    data = {
        "host": service.host,
        "binary": service.public_binary,
        "topic": service.topic,
        "report_count": service.report_count,
        "disabled": service.disabled,
        "disabled_reason": service.disabled_reason,
        "availability_zone": None,  # as in Nova: it belongs to the aggregates of the host
        "last_seen_up": versioned.time_of(service.last_seen_up),
        "forced_down": service.forced_down,
        "version": service.version,
        "uuid": service.uuid,
    }
    return versioned.serialized("ServiceStatusPayload", "1.1", data)
