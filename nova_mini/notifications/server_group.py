"""Notifications about server groups: ``servergroup.<event>``, and the versioned
``server_group.<action>``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nova_mini.conf import CONF
from nova_mini.notifications import versioned
from nova_mini.notifications.sending import send, sends_unversioned
from nova_mini.notifications.versioned import field_of

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance_group import InstanceGroup

_VERSIONED = {"create": "create", "delete": "delete", "addmember": "add_member"}


def notify_about_server_group_update(
    context: RequestContext,
    group: InstanceGroup,
    event: str,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Send a notification of ``event`` (``create``, ``delete``, ``addmember``).

    ``details``: more fields of the unversioned payload. For the versioned one of a new member, all
    members are read. Called by the API.
    """
    if sends_unversioned():
        payload = {**(details or {}), "server_group_id": group.uuid}
        send(context, f"servergroup.{CONF.host}", f"servergroup.{event}", payload)

    def make() -> dict[str, Any]:
        if event == "addmember":
            group.load_members()
        return payload_of(group)

    versioned.send(context, f"server_group.{_VERSIONED[event]}", versioned.API, make)


def payload_of(group: InstanceGroup) -> dict[str, Any]:
    data = {
        "uuid": group.uuid,
        "name": group.name,
        "user_id": group.user_id,
        "project_id": group.project_id,
        "policies": [group.policy],
        "members": field_of(group, "members", []),
        "hosts": None,  # Nova does not read them for a notification, either
        "policy": group.policy,
        "rules": {name: str(value) for name, value in group.rules.items()},
    }
    return versioned.serialized("ServerGroupPayload", "1.1", data)
