"""Waiting for what Neutron and Cinder say of a server.

A wait is entered before the thing is done that causes the event, so that an event that comes at
once is not missed.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Iterator

from nova_mini import exception
from nova_mini.trace import step

EventKey = tuple[str, str | None]  # (name, tag), as ("network-vif-plugged", port id)

LOOK_AGAIN = 10  # seconds after which we ask for what we were not told


class _Wait:
    def __init__(self):
        self.arrived = threading.Event()
        self.status = "completed"


class InstanceEvents:
    """Who waits for what; one for each host."""

    def __init__(self):
        self._lock = threading.Lock()
        self._waits: dict[str, dict[EventKey, _Wait]] = {}

    def expect(self, instance_uuid: str, keys: Collection[EventKey]) -> dict[EventKey, _Wait]:
        with self._lock:
            waits = {key: _Wait() for key in keys}
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
        """Returns whether somebody waited for it."""
        with self._lock:
            wait = self._waits.get(instance_uuid, {}).get(key)
        if wait is None:
            return False
        wait.status = status
        wait.arrived.set()
        return True

    def cancel(self, instance_uuid: str) -> None:
        """The server is being deleted: nobody shall wait for it any longer."""
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
    """Do what causes the events inside; leaving waits for all of them, at most
    ``deadline`` seconds.

    ``on_failure(event name)`` is asked for an event that came as failed: False goes on waiting for
    the others. ``has_happened(key)`` is asked now and then: its news may be lost with a broker
    or an API. Raises TimeoutError.
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
    waits: dict[EventKey, _Wait],
    instance_uuid: str,
    deadline: float,
    on_failure: Callable[[str], bool],
    has_happened: Callable[[EventKey], bool],
) -> None:
    give_up = time.monotonic() + deadline
    for (name, tag), wait in waits.items():
        while not wait.arrived.wait(max(0.0, min(LOOK_AGAIN, give_up - time.monotonic()))):
            if has_happened((name, tag)):
                break
            if time.monotonic() >= give_up:
                raise TimeoutError(f"{name} of {tag} did not come within {deadline} s")
        if wait.status == "cancelled":
            raise exception.InstanceNotFound(instance_id=instance_uuid)
        if wait.status == "failed" and on_failure(name):
            raise exception.VirtualInterfaceCreateException()
