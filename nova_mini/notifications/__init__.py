"""Notifications for other systems: ``compute.instance.<event>``, ``servergroup.<event>``,
``aggregate.<event>`` and ``keypair.<event>``; and the versioned ``instance.<action>.<phase>``.

They have Nova's names and payloads, which billing and monitoring systems expect.
"""

from nova_mini.notifications.aggregate import notifies_about_aggregate
from nova_mini.notifications.instance import notify_about_instance_usage, notify_usage_exists
from nova_mini.notifications.instance_update import notify_about_instance_update, watch_instances
from nova_mini.notifications.keypair import notify_about_keypair
from nova_mini.notifications.server_group import notify_about_server_group_update
from nova_mini.notifications.versioned import notify_about_instance_action
from nova_mini.notifications.versioned_events import Event

__all__ = [
    "Event",
    "notifies_about_aggregate",
    "notify_about_instance_action",
    "notify_about_instance_update",
    "notify_about_instance_usage",
    "notify_about_keypair",
    "notify_about_server_group_update",
    "notify_usage_exists",
    "watch_instances",
]
