"""Notifications about server groups: ``servergroup.<event>``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nova_mini.conf import CONF
from nova_mini.notifications.sending import send, sends_unversioned

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance_group import InstanceGroup


def notify_about_server_group_update(
    context: RequestContext,
    group: InstanceGroup,
    event: str,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Send a notification of ``event`` (``create``, ``delete``, ``addmember``) with ``details``.

    Does nothing when ``[oslo_messaging_notifications] driver`` sends none. Called by the API.
    """
    if sends_unversioned():
        payload = {**(details or {}), "server_group_id": group.uuid}
        send(context, f"servergroup.{CONF.host}", f"servergroup.{event}", payload)
