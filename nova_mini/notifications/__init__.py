"""Notifications for other systems, unversioned and versioned.

They have Nova's names and payloads, which billing and monitoring systems expect.
"""

from nova_mini.notifications.aggregate import (
    notifies_about_aggregate,
    notifies_about_image_cache,
    notify_about_cached_images,
)
from nova_mini.notifications.fault import notify_about_exception, notify_about_libvirt_connect_error
from nova_mini.notifications.flavor import notify_about_flavor
from nova_mini.notifications.instance import notify_about_instance_usage, notify_usage_exists
from nova_mini.notifications.instance_action import notify_about_instance_action
from nova_mini.notifications.instance_update import notify_about_instance_update, watch_instances
from nova_mini.notifications.keypair import notify_about_keypair
from nova_mini.notifications.request_spec import (
    notify_about_compute_task_error,
    notify_about_select_destinations,
)
from nova_mini.notifications.server_group import notify_about_server_group_update
from nova_mini.notifications.service import notify_about_service
from nova_mini.notifications.versioned_events import Event

__all__ = [
    "Event",
    "notifies_about_aggregate",
    "notifies_about_image_cache",
    "notify_about_cached_images",
    "notify_about_compute_task_error",
    "notify_about_exception",
    "notify_about_flavor",
    "notify_about_instance_action",
    "notify_about_instance_update",
    "notify_about_instance_usage",
    "notify_about_keypair",
    "notify_about_libvirt_connect_error",
    "notify_about_select_destinations",
    "notify_about_server_group_update",
    "notify_about_service",
    "notify_usage_exists",
    "watch_instances",
]
