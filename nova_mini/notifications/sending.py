"""Send notifications, without a failure or a wait of what is reported."""

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
    """Queue a notification for the broker; it is sent after those that were queued before.

    Returns False if it is lost: the queue is full or the notification cannot be made. The log says
    so.
    """
    try:
        queue = rpc.get_notification_queue()
        if not queue.has_room():
            queue.lose("the queue is full: the broker does not answer, or is too slow")
            return False
        get = rpc.get_versioned_notifier if versioned else rpc.get_notifier
        notifier = get(publisher_id)
        (notifier.error if is_error else notifier.info)(context, event_type, payload)
    except Exception as exc:  # what is reported has happened, and must not seem to have failed
        LOG.warning("Notification %s: could not send: %s", event_type, exc)
        return False
    return True
