"""Follows a live migration that runs: stores its progress, and reads what users request."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from concurrent import futures
from types import TracebackType
from typing import Self

from nova_mini import disclosure, exception
from nova_mini.compute.host.events import EventKey, Wait
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.compute.operations import live_migration_connections as connections
from nova_mini.conf import CONF
from nova_mini.objects.migration import Migration, Progress
from nova_mini.objects.network_model import VIF_TYPE_OVS

LOG = logging.getLogger(__name__)

_INTERVAL = 5.0  # seconds between two reports to a conductor
_WIRING_SECONDS = 10.0  # Neutron needs one or two; its event can be lost, and cannot be asked for


class MigrationWatch:
    """See :class:`nova_mini.virt.live_migration.Watch`. A context manager.

    A call of a conductor may last for minutes while no conductor or no database answers. The guest
    must not wait for that, so reports are sent by another thread.
    """

    def __init__(self, op: HostOperation):
        self._op = op
        self._requested: str | None = None
        self._reported_at = 0.0
        self._guest_has_left = False
        self._sender = futures.ThreadPoolExecutor(1, "progress")
        self._pending: futures.Future[str | None] | None = None
        self._wiring = self._ports()
        self._waits: Mapping[EventKey, Wait] = {}
        self._entered_at = time.monotonic()

    def _ports(self) -> list[EventKey]:
        """The events of the ports that libvirt adds to Open vSwitch at the destination."""
        if not CONF.compute.live_migration_wait_for_vif_plug:
            return []
        vifs = self._op.instance.network_info
        return [("network-vif-plugged", vif.id) for vif in vifs if vif.type == VIF_TYPE_OVS]

    def __enter__(self) -> Self:
        events, uuid = self._op.host.instance_events, self._op.instance.uuid
        self._waits = events.expect(uuid, self._wiring)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._sender.shutdown(wait=False, cancel_futures=True)
        self._op.host.instance_events.forget(self._op.instance.uuid, self._wiring)

    def report(self, **progress: int) -> str | None:
        """Report now if a message says that a user has requested something; else seldom."""
        if self._pending is not None and self._pending.done():
            pending, self._pending = self._pending, None
            self._read(pending)
        if self._pending is None:
            is_due = time.monotonic() - self._reported_at >= _INTERVAL
            if self._op.host.live_requests.take(self._op.instance.uuid) or is_due:
                self._reported_at = time.monotonic()
                self._pending = self._sender.submit(self._store, progress)
        return self._requested

    def _read(self, sent: futures.Future[str | None]) -> None:
        try:
            self._requested = sent.result()
        except exception.ActionInterrupted as exc:
            # No conductor answers. The guest moves on; the next report may succeed.
            LOG.warning("Instance %s: progress not stored: %s", self._op.instance.uuid, exc)

    def report_now(self, **values: int | str) -> str | None:
        """Raises InstanceOwnershipLost, ActionInterrupted."""
        self._op.host.live_requests.take(self._op.instance.uuid)
        self._reported_at = time.monotonic()
        self._requested = self._store(values)
        return self._requested

    def _store(self, values: Progress) -> str | None:
        op = self._op
        return Migration.report_progress(
            op.context, op.migration.uuid, op.id, op.owner, dict(values)
        )

    def may_hurry(self) -> bool:
        if all(wait.arrived.is_set() for wait in self._waits.values()):
            return True
        if time.monotonic() - self._entered_at < _WIRING_SECONDS:
            return False
        LOG.warning("Instance %s: Neutron has not reported its ports", self._op.instance.uuid)
        return True

    def guest_left(self) -> None:
        if self._guest_has_left:
            return
        self._guest_has_left = True
        try:
            connections.activate_binding(self._op, self._op.migration.dest_compute)
        except exception.NovaException as exc:  # done again when the guest runs there
            LOG.warning(
                "Instance %s: could not activate its ports at the destination yet: %s",
                self._op.instance.uuid,
                disclosure.message_for_operator(exc),
            )
