"""Notifications about key pairs: ``keypair.<event>``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini.conf import CONF
from nova_mini.notifications.sending import send, sends_unversioned

if TYPE_CHECKING:
    from nova_mini.context import RequestContext


def notify_about_keypair(
    context: RequestContext, event: str, user_id: str | None, name: str
) -> None:
    """Send a notification of ``event`` (``create.start``, ``import.end``, ``delete.start`` …).

    Does nothing when ``[oslo_messaging_notifications] driver`` sends none. Called by the API.
    """
    if sends_unversioned():
        payload = {"tenant_id": context.project_id, "user_id": user_id, "key_name": name}
        send(context, f"api.{CONF.host}", f"keypair.{event}", payload)
