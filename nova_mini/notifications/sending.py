"""Send notifications, without a failure or a long wait of what is reported."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from nova_mini import rpc
from nova_mini.conf import CONF

if TYPE_CHECKING:
    from nova_mini.context import RequestContext

LOG = logging.getLogger(__name__)


def sends_unversioned() -> bool:
    return rpc.are_notifications_enabled() and _formats() != "versioned"


def sends_versioned() -> bool:
    return rpc.are_notifications_enabled() and _formats() != "unversioned"


def _formats() -> str:
    return CONF.notifications.notification_format


def send(
    context: RequestContext,
    publisher_id: str,
    event_type: str,
    payload: dict[str, Any],
    *,
    is_error: bool = False,
    versioned: bool = False,
) -> bool:
    """Send a notification. One that cannot be delivered is lost, and logged: False."""
    try:
        get = rpc.get_versioned_notifier if versioned else rpc.get_notifier
        notifier = get(publisher_id)
        (notifier.error if is_error else notifier.info)(context, event_type, payload)
    except Exception as exc:  # of oslo.messaging, kombu, amqp or the socket
        LOG.warning("Notification %s: could not send: %s", event_type, exc)
        return False
    return True
