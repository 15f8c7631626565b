"""Versioned notifications about servers: ``instance.<action>.<phase>``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nova_mini.notifications import fault as faults
from nova_mini.notifications import flavor as flavor_notifications
from nova_mini.notifications import versioned, versioned_payloads
from nova_mini.notifications.versioned_events import Event, payload_of
from nova_mini.objects.network_model import NetworkInfo

if TYPE_CHECKING:
    from collections.abc import Callable

    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance


def notify_about_instance_action(
    context: RequestContext,
    instance: Instance,
    event: Event,
    *,
    source: str = versioned.COMPUTE,
    fault: BaseException | None = None,
    network_info: NetworkInfo | None = None,
    **fields: Any,
) -> None:
    """Send the versioned notification ``event`` of a server, if they are sent.

    ``fields``: those that only its payload has; see :mod:`.versioned_events`. Called directly for
    the events that Nova sends only versioned.
    """

    def make() -> dict[str, Any]:
        data = versioned_payloads.of_instance(context, instance, network_info)
        data["fault"] = faults.payload_of(fault) if fault is not None else None
        if event.action == "create":
            data |= versioned_payloads.of_new(instance)
        if event.action in ("rebuild", "rebuild_scheduled"):
            data["trusted_image_certificates"] = None
        if "new_flavor" in fields:
            data["new_flavor"] = flavor_notifications.payload_of(fields.pop("new_flavor"))
        return data | fields

    send(context, event, source, make, is_error=fault is not None)


def send(
    context: RequestContext,
    event: Event,
    source: str,
    make: Callable[[], dict[str, Any]],
    *,
    is_error: bool = False,
) -> bool:
    """Send a versioned notification about a server with the fields that ``make`` returns; see
    :func:`.versioned.send`."""
    kind = payload_of(event.action)

    def payload() -> dict[str, Any]:
        return versioned.serialized(kind.name, kind.version, make())

    return versioned.send(context, str(event), source, payload, is_error=is_error)
