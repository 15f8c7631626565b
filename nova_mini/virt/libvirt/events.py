"""libvirt's events: changes of lifecycle, and devices that were removed.

libvirt invokes callbacks in the thread of its event loop, where nothing may block and no other
libvirt call is allowed. So a callback only puts the event into a queue or wakes a waiting thread;
a second thread delivers lifecycle events to the driver.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator

import libvirt
from oslo_log import log as logging

from nova_mini.virt.driver.power_states import LifecycleEvent, LifecycleTransition

LOG = logging.getLogger(__name__)

LOOP_PAUSE = 1  # seconds
CHECK_SECONDS = 0.5

_TRANSITIONS = {
    libvirt.VIR_DOMAIN_EVENT_STARTED: LifecycleTransition.STARTED,
    libvirt.VIR_DOMAIN_EVENT_STOPPED: LifecycleTransition.STOPPED,
    libvirt.VIR_DOMAIN_EVENT_SUSPENDED: LifecycleTransition.PAUSED,
    libvirt.VIR_DOMAIN_EVENT_RESUMED: LifecycleTransition.RESUMED,
}
_LEFT = (
    (libvirt.VIR_DOMAIN_EVENT_SUSPENDED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED),
    (libvirt.VIR_DOMAIN_EVENT_SUSPENDED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY),
    (libvirt.VIR_DOMAIN_EVENT_STOPPED, libvirt.VIR_DOMAIN_EVENT_STOPPED_MIGRATED),
)
_loop_started = threading.Lock()


def run_event_loop() -> None:
    """Start libvirt's event loop, once in a process and before the first connection."""
    if not _loop_started.acquire(blocking=False):
        return
    libvirt.virEventRegisterDefaultImpl()
    threading.Thread(target=_loop, name="libvirt-events", daemon=True).start()


def _loop() -> None:
    while True:
        try:
            libvirt.virEventRunDefaultImpl()
        except libvirt.libvirtError:
            # This thread must not end: connections without it count as lost.
            LOG.exception("libvirt's event loop failed; it is continued")
            time.sleep(LOOP_PAUSE)


class DeviceWaiter:
    """Waits for a guest's answer to the request to release a device."""

    def __init__(self):
        self._answered = threading.Event()
        self.removed = False

    def answer(self, removed: bool) -> None:
        self.removed = removed
        self._answered.set()

    def wait(self, timeout: float, check: Callable[[], None] = lambda: None) -> bool:
        """True when the device was removed; False when the guest refused or did not answer within
        ``timeout`` seconds.

        ``check()`` is called about twice a second; an exception that it raises ends the wait.
        """
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            if self._answered.wait(min(left, CHECK_SECONDS)):
                break
            check()
        return self.removed


class EventHandler:
    """Receives the events of all connections to libvirt. ``emit`` is called in a thread."""

    def __init__(self, emit: Callable[[LifecycleEvent], None]):
        self._emit = emit
        self._queue: queue.SimpleQueue[LifecycleEvent] = queue.SimpleQueue()
        self._waiters: dict[tuple[str, str], DeviceWaiter] = {}
        self._leaving: dict[str, threading.Event] = {}
        threading.Thread(target=self._deliver, name="libvirt-dispatch", daemon=True).start()

    def register(self, conn: libvirt.virConnect) -> None:
        for event_id, callback in (
            (libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._on_lifecycle),
            (libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, self._on_device_removed),
            (libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED, self._on_device_refused),
        ):
            conn.domainEventRegisterAny(None, event_id, callback, None)

    @contextlib.contextmanager
    def device_removal(self, uuid: str, alias: str) -> Iterator[DeviceWaiter]:
        """Context manager: enter it before the request to the guest, so that no answer is
        missed."""
        waiter = self._waiters[uuid, alias] = DeviceWaiter()
        try:
            yield waiter
        finally:
            del self._waiters[uuid, alias]

    @contextlib.contextmanager
    def guest_left(self, uuid: str) -> Iterator[threading.Event]:
        """Context manager: the event is set when a guest stops here because it moves."""
        left = self._leaving[uuid] = threading.Event()
        try:
            yield left
        finally:
            del self._leaving[uuid]

    def _on_lifecycle(self, conn, domain, event, detail, opaque) -> None:
        if (event, detail) in _LEFT and (left := self._leaving.get(domain.UUIDString())):
            left.set()
        transition = _TRANSITIONS.get(event)
        if (event, detail) == (
            libvirt.VIR_DOMAIN_EVENT_STOPPED,
            libvirt.VIR_DOMAIN_EVENT_STOPPED_SAVED,
        ):
            transition = LifecycleTransition.SUSPENDED
        if transition:
            self._queue.put(LifecycleEvent(domain.UUIDString(), transition))

    def _on_device_removed(self, conn, domain, alias, opaque) -> None:
        self._answer(domain.UUIDString(), alias, removed=True)

    def _on_device_refused(self, conn, domain, alias, opaque) -> None:
        self._answer(domain.UUIDString(), alias, removed=False)

    def _answer(self, uuid: str, alias: str, removed: bool) -> None:
        waiter = self._waiters.get((uuid, alias))
        if waiter:
            waiter.answer(removed)

    def _deliver(self) -> None:
        while True:
            event = self._queue.get()
            try:
                self._emit(event)
            except Exception:
                # The periodic task that compares power states finds the change later.
                LOG.exception(
                    "Event %s: could not be handled", event.transition, instance_uuid=event.uuid
                )
