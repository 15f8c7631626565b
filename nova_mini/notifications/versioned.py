"""Versioned notifications: payloads in the form of Nova's serialized objects, sent to the topics of
``[notifications] versioned_notifications_topics``."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nova_mini.conf import CONF
from nova_mini.notifications import sending

if TYPE_CHECKING:
    from nova_mini.context import RequestContext

LOG = logging.getLogger(__name__)

# The names of the services that send, as receivers know them.
API, COMPUTE, CONDUCTOR, SCHEDULER = "nova-api", "nova-compute", "nova-conductor", "nova-scheduler"


def serialized(name: str, version: str, data: dict[str, Any]) -> dict[str, Any]:
    """An object of Nova with its fields ``data``."""
    return {
        "nova_object.name": name,
        "nova_object.namespace": "nova",
        "nova_object.version": version,
        "nova_object.data": data,
    }


def time_of(time: datetime.datetime | None) -> str | None:
    """A field with a time."""
    return f"{time:%Y-%m-%dT%H:%M:%SZ}" if time else None


def field_of(obj: Any, name: str, default: Any = None) -> Any:
    """A field of an object of this cloud, or ``default`` if it is not set."""
    return getattr(obj, name) if obj.obj_attr_is_set(name) else default


def send(
    context: RequestContext,
    event_type: str,
    source: str,
    make: Callable[[], dict[str, Any]],
    *,
    host: str | None = None,
    is_error: bool = False,
) -> bool:
    """Send a versioned notification with the payload that ``make`` returns, if they are sent.

    ``source`` and ``host``: the service that sends, by default on this host. One that cannot be
    made or sent is lost, and logged: False.
    """
    if not sending.sends_versioned():
        return True
    try:
        payload = make()
    except Exception:  # what is reported has happened, and must not seem to have failed
        LOG.exception("Notification %s: could not be made", event_type)
        return False
    publisher = f"{source}:{host or CONF.host}"
    return sending.send(context, publisher, event_type, payload, is_error=is_error, versioned=True)
