"""The versioned notifications that are sent, and nothing else."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from nova_mini import rpc


class Sent(NamedTuple):
    publisher: str
    priority: str
    event: str
    payload: dict[str, Any]

    @property
    def data(self) -> dict[str, Any]:
        return self.payload["nova_object.data"]

    @property
    def name(self) -> str:
        return self.payload["nova_object.name"]


class _Notifier:
    def __init__(self, found: list[Sent], publisher: str):
        self._found = found
        self._publisher = publisher

    def info(self, context: object, event: str, payload: dict[str, Any]) -> None:
        self._found.append(Sent(self._publisher, "info", event, payload))

    def error(self, context: object, event: str, payload: dict[str, Any]) -> None:
        self._found.append(Sent(self._publisher, "error", event, payload))


@pytest.fixture
def versioned(database, override, monkeypatch) -> list[Sent]:
    """The versioned notifications in their order."""
    found: list[Sent] = []
    override("notification_format", "versioned", group="notifications")
    monkeypatch.setattr(rpc, "are_notifications_enabled", lambda: True)
    monkeypatch.setattr(rpc, "get_versioned_notifier", lambda name: _Notifier(found, name))
    return found
