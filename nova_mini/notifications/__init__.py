"""Notifications for other systems: ``compute.instance.<event>`` and ``servergroup.<event>``.

Unversioned notifications with Nova's names and payloads, which billing and monitoring systems
expect.
"""

from nova_mini.notifications.instance import notify_about_instance_usage
from nova_mini.notifications.server_group import notify_about_server_group_update

__all__ = ["notify_about_instance_usage", "notify_about_server_group_update"]
