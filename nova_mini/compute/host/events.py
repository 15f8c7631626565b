"""Waits for events of Neutron and Cinder about a server.

A wait begins before the request that causes the event, so that an early event is not missed.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Iterator

from nova_mini import exception
from nova_mini.trace import step

EventKey = tuple[str, str | None]  # (name, tag), as ("network-vif-plugged", port id)

POLL_INTERVAL = 10  # seconds between checks whether an event was lost


class Wait:
    """For one event. ``arrived``: set when the wait has ended. ``status``: of the event, or
    cancelled."""

    def __init__(self) -> None:
        self.arrived = threading.Event()
        self.status = "completed"


class InstanceEvents:
    """The waits of one host. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waits: dict[str, dict[EventKey, Wait]] = {}

    def expect(self, instance_uuid: str, keys: Collection[EventKey]) -> dict[EventKey, Wait]:
        with self._lock:
            waits = {key: Wait() for key in keys}
            self._waits.setdefault(instance_uuid, {}).update(waits)
            return waits

    def forget(self, instance_uuid: str, keys: Collection[EventKey]) -> None:
        with self._lock:
            waits = self._waits.get(instance_uuid, {})
            for key in keys:
                waits.pop(key, None)
            if not waits:
                self._waits.pop(instance_uuid, None)

    def deliver(self, instance_uuid: str, key: EventKey, status: str) -> bool:
        """End the wait for an event. Returns False if there is no such wait."""
        with self._lock:
            wait = self._waits.get(instance_uuid, {}).get(key)
        if wait is None:
            return False
        wait.status = status
        wait.arrived.set()
        return True

    def cancel(self, instance_uuid: str) -> None:
        """End all waits for a server that is being deleted."""
        with self._lock:
            waits = self._waits.pop(instance_uuid, {})
        for wait in waits.values():
            wait.status = "cancelled"
            wait.arrived.set()


@contextlib.contextmanager
def wait_for_instance_event(
    events: InstanceEvents,
    instance_uuid: str,
    keys: Collection[EventKey],
    *,
    deadline: float,
    on_failure: Callable[[str], bool],
    has_happened: Callable[[EventKey], bool],
) -> Iterator[None]:
    """On leaving, wait for all events, at most ``deadline`` seconds. The caller causes the events
    inside.

    ``on_failure(event name)`` is called for an event with the status failed: False ignores the
    failure. ``has_happened(key)`` is called every POLL_INTERVAL seconds, because an event can be
    lost with a broker or an API. Raises TimeoutError, InstanceNotFound when the server is deleted,
    VirtualInterfaceCreateException for a failed event.
    """
    waits = events.expect(instance_uuid, keys)
    try:
        yield
        if waits:
            with step("wait_for_instance_event"):
                _wait_for_all(waits, instance_uuid, deadline, on_failure, has_happened)
    finally:
        events.forget(instance_uuid, keys)


def _wait_for_all(
    waits: dict[EventKey, Wait],
    instance_uuid: str,
    deadline: float,
    on_failure: Callable[[str], bool],
    has_happened: Callable[[EventKey], bool],
) -> None:
    give_up = time.monotonic() + deadline
    for (name, tag), wait in waits.items():
        while not wait.arrived.wait(max(0.0, min(POLL_INTERVAL, give_up - time.monotonic()))):
            if has_happened((name, tag)):
                break
            if time.monotonic() >= give_up:
                raise TimeoutError(f"{name} of {tag} did not come within {deadline} s")
        if wait.status == "cancelled":
            raise exception.InstanceNotFound(instance_id=instance_uuid)
        if wait.status == "failed" and on_failure(name):
            raise exception.VirtualInterfaceCreateException()
