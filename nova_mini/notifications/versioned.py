"""Versioned notifications about servers: ``instance.<action>.<phase>``, to the topics of
``[notifications] versioned_notifications_topics``."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nova_mini.conf import CONF
from nova_mini.notifications import sending, versioned_payloads
from nova_mini.notifications.versioned_events import Event, payload_of
from nova_mini.objects.network_model import NetworkInfo

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance

LOG = logging.getLogger(__name__)

COMPUTE, CONDUCTOR, API = "nova-compute", "nova-conductor", "nova-api"


def notify_about_instance_action(
    context: RequestContext,
    instance: Instance,
    event: Event,
    *,
    source: str = COMPUTE,
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
        data["fault"] = versioned_payloads.of_fault(fault) if fault is not None else None
        if event.action == "create":
            data |= versioned_payloads.of_new(instance)
        if event.action == "rebuild":
            data["trusted_image_certificates"] = None
        if "new_flavor" in fields:
            data["new_flavor"] = versioned_payloads.of_flavor(fields.pop("new_flavor"))
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
    """Send a versioned notification with the fields that ``make`` returns. One that cannot be made
    or delivered is lost, and logged: False."""
    if not sending.sends_versioned():
        return True
    kind = payload_of(event.action)
    try:
        payload = versioned_payloads.serialized(kind.name, kind.version, make())
    except Exception:  # what is reported has happened, and must not seem to have failed
        LOG.exception("Notification %s: could not be made", event)
        return False
    return sending.send(
        context, f"{source}:{CONF.host}", str(event), payload, is_error=is_error, versioned=True
    )
