"""Receive the notifications of a cloud, as a billing system does."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import oslo_messaging as messaging
from oslo_config import cfg

TOPICS = ("notifications", "versioned_notifications")
OPTIONS = {
    "oslo_messaging_notifications": {"driver": "messagingv2"},
    "notifications": {
        "notification_format": "both",
        "notify_on_state_change": "vm_and_task_state",
        "bdms_in_notifications": True,
    },
}


@dataclass
class Received:
    """``messages``: (event type, priority, publisher, payload), in the order of their arrival."""

    messages: list[tuple[str, str, str, dict[str, Any]]] = field(default_factory=list)

    def info(self, context, publisher_id, event_type, payload, metadata) -> None:
        self.messages.append((event_type, "info", publisher_id, payload))

    def error(self, context, publisher_id, event_type, payload, metadata) -> None:
        self.messages.append((event_type, "error", publisher_id, payload))

    def types(self) -> set[str]:
        return {event_type for event_type, _, _, _ in self.messages}

    def of(self, event_type: str, server_id: str) -> list[dict[str, Any]]:
        """The payloads of an unversioned event of a server."""
        return [
            payload
            for each, _, _, payload in self.messages
            if each == event_type and payload["instance_id"] == server_id
        ]


@contextlib.contextmanager
def received(config_file: pathlib.Path) -> Iterator[Received]:
    """Listen to all topics, on the message bus of a cloud with :data:`OPTIONS`."""
    conf = cfg.ConfigOpts()
    conf([f"--config-file={config_file}"], project="listener")
    transport = messaging.get_notification_transport(conf)
    conf.set_override("rabbit_quorum_queue", True, group="oslo_messaging_rabbit")
    found = Received()
    targets = [messaging.Target(topic=topic) for topic in TOPICS]
    listener = messaging.get_notification_listener(
        transport, targets, [found], executor="threading"
    )
    listener.start()
    try:
        yield found
    finally:
        listener.stop()
        listener.wait()
        transport.cleanup()
