"""Runs the migration of a guest in libvirt, at the source.

libvirt copies memory by itself and goes on if this process dies. A thread waits for its call, and
the thread of the operation watches the job. The successor of a process that died finds the job and
only watches it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import libvirt
from oslo_log import log as logging
from oslo_utils import units

from nova_mini import exception
from nova_mini.actions import preemption
from nova_mini.conf import CONF
from nova_mini.objects.migration import ABORT, FORCE_COMPLETE
from nova_mini.virt.libvirt import errors
from nova_mini.virt.libvirt.guest import Guest, MigrationJob
from nova_mini.virt.libvirt.migration.pace import Pace
from nova_mini.virt.live_migration import GuestPlace, Watch

LOG = logging.getLogger(__name__)

_POLL_SECONDS = 0.1
SLOW = 1  # MiB per second: while Neutron wires the ports at the destination
_NO_LIMIT = (1 << 63) // units.Mi - 1  # libvirt's default, in MiB per second
_CANCEL_SECONDS = 60  # for the end of a job that was cancelled
_ABORT_SECONDS = 5.0  # between two requests to cancel it


class _Call(threading.Thread):
    """The call to libvirt, which returns when the guest has moved."""

    def __init__(self, move: Callable[[], None]):
        super().__init__(name="live-migration", daemon=True)
        self._move = move
        self.error: libvirt.libvirtError | None = None

    def run(self) -> None:
        try:
            self._move()
        except libvirt.libvirtError as exc:
            self.error = exc


class LiveMigrationJob:
    """``find_place()`` says where the guest is; ``was_left``: set when the guest stops here, by an
    event of libvirt."""

    def __init__(
        self,
        guest: Guest,
        pace: Pace,
        watch: Watch,
        find_place: Callable[[], GuestPlace],
        was_left: threading.Event,
    ):
        self._guest = guest
        self._pace = pace
        self._watch = watch
        self._find_place = find_place
        self._was_left = was_left
        self._downtime = 0
        self._is_slow = True  # a successor does not know whether it still is
        self._is_forced = False
        self._cancelled_because: str | None = None

    def run(self, move: Callable[[], None]) -> None:
        """Move the guest with ``move()``, unless a job of an earlier attempt still does.

        Raises LiveMigrationCancelled, MigrationError, HypervisorUnavailable, Preempted,
        InstanceOwnershipLost.
        """
        call = None
        if self._guest.get_migration_job() is None:
            call = _Call(move)
            call.start()
        try:
            self._follow(call)
        except BaseException:
            cancel(self._guest)
            if self._find_place() is not GuestPlace.ABSENT:
                raise
            LOG.info("The guest has left already", instance_uuid=self._guest.uuid)
        if call is not None:
            call.join(_CANCEL_SECONDS)
        self._check_outcome(call.error if call else None)

    def _follow(self, call: _Call | None) -> None:
        """Watch the job until it has ended."""
        started_at = time.monotonic()
        while call.is_alive() if call else self._guest.get_migration_job() is not None:
            seconds = time.monotonic() - started_at
            job = self._guest.get_migration_job()
            if job is not None:
                self._steer(job, seconds)
            if self._was_left.wait(_POLL_SECONDS):
                self._watch.guest_left()
                self._was_left.clear()
            preemption.check(seconds)

    def _steer(self, job: MigrationJob, seconds: float) -> None:
        """Adjust the job, and do what users request."""
        # Not before libvirt has set the speed with which it begins.
        if self._is_slow and job.has_begun and self._watch.may_hurry():
            end_slow_beginning(self._guest)
            self._is_slow = False
        downtime = self._pace.downtime_after(seconds)
        if downtime != self._downtime:
            self._guest.set_migration_downtime(downtime)
            self._downtime = downtime
        requested = self._watch.report(**job.progress())
        if requested == ABORT:
            self._abort("a user requested it")
        elif requested == FORCE_COMPLETE:
            if job.has_begun:
                self._force_complete(job)
        elif self._pace.timeout is not None and seconds > self._pace.timeout:
            if CONF.libvirt.live_migration_timeout_action == FORCE_COMPLETE:
                self._force_complete(job)
            else:
                self._abort("it took longer than live_migration_completion_timeout permits")

    def _abort(self, reason: str) -> None:
        if self._cancelled_because is None:
            LOG.warning("Aborting the migration: %s", reason, instance_uuid=self._guest.uuid)
            self._cancelled_because = reason
            self._guest.abort_migration()

    def _force_complete(self, job: MigrationJob) -> None:
        """Switch to post-copy if that is permitted, else stop the guest: then its memory and disks
        do not change any more. libvirt lets it run at the destination. Post-copy is possible when
        the disks are copied."""
        must_wait = CONF.libvirt.live_migration_permit_post_copy and not job.has_begun
        if self._is_forced or must_wait:
            return
        self._is_forced = True
        LOG.info("Completing the migration by force", instance_uuid=self._guest.uuid)
        if CONF.libvirt.live_migration_permit_post_copy:
            self._guest.start_post_copy()
        else:
            self._guest.pause()

    def _check_outcome(self, error: libvirt.libvirtError | None) -> None:
        if self._find_place() is GuestPlace.ABSENT:
            return
        if self._cancelled_because is not None:
            raise exception.LiveMigrationCancelled(
                instance_uuid=self._guest.uuid, reason=self._cancelled_because
            )
        failed = exception.MigrationError(
            instance_uuid=self._guest.uuid,
            reason="the hypervisor could not move the guest",
            internal=str(error) if error else None,
        )
        raise (errors.failure(error, failed) if error else failed)


def end_slow_beginning(guest: Guest) -> None:
    """Let the guest's migration, or a later one, go as fast as the option permits. The speed stays
    as it is if an administrator has set another one, with virsh."""
    guest.replace_migration_speed(SLOW, CONF.libvirt.live_migration_bandwidth or _NO_LIMIT)


def cancel(guest: Guest) -> bool:
    """End the migration of a guest, if one runs. The guest may have left before. Returns False if
    libvirt does not end it in time.

    A request to abort is repeated seldom: libvirt ignores it while it prepares the migration, and
    many requests delay the end.
    """
    started_at = time.monotonic()
    requested_at = -_ABORT_SECONDS
    while guest.get_migration_job() is not None:
        seconds = time.monotonic() - started_at
        if seconds > _CANCEL_SECONDS:
            return False
        if seconds - requested_at >= _ABORT_SECONDS:
            guest.abort_migration()
            requested_at = seconds
        time.sleep(_POLL_SECONDS)
    return True
