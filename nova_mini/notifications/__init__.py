"""What other systems are told of servers: ``compute.instance.<event>`` over oslo.messaging.

The unversioned notifications, by the names and with the payload that billing and monitoring know.
"""

from nova_mini.notifications.instance import notify_about_instance_usage

__all__ = ["notify_about_instance_usage"]
