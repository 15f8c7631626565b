"""A domain of libvirt, with the operations that the driver needs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import libvirt
from oslo_log import log as logging

from nova_mini import exception
from nova_mini.actions import preemption
from nova_mini.states import power_state
from nova_mini.trace import traced
from nova_mini.virt.driver.power_states import InstanceInfo
from nova_mini.virt.libvirt.config import DomainDevices, LibvirtConfigObject
from nova_mini.virt.libvirt.config_metadata import NOVA_NS, LibvirtConfigGuestMetaNovaInstance

LOG = logging.getLogger(__name__)

LIBVIRT_POWER_STATE = {
    libvirt.VIR_DOMAIN_NOSTATE: power_state.NOSTATE,
    libvirt.VIR_DOMAIN_RUNNING: power_state.RUNNING,
    libvirt.VIR_DOMAIN_BLOCKED: power_state.RUNNING,
    libvirt.VIR_DOMAIN_PAUSED: power_state.PAUSED,
    # Being shut down, but QEMU still runs: the domain is not off and must not be started.
    libvirt.VIR_DOMAIN_SHUTDOWN: power_state.RUNNING,
    libvirt.VIR_DOMAIN_SHUTOFF: power_state.SHUTDOWN,
    libvirt.VIR_DOMAIN_CRASHED: power_state.CRASHED,
    libvirt.VIR_DOMAIN_PMSUSPENDED: power_state.SUSPENDED,
}

STATISTICS = (
    libvirt.VIR_DOMAIN_STATS_BALLOON
    | libvirt.VIR_DOMAIN_STATS_VCPU
    | libvirt.VIR_DOMAIN_STATS_INTERFACE
    | libvirt.VIR_DOMAIN_STATS_BLOCK
)
DESTROY_ATTEMPTS = 3  # QEMU may end slowly when its disk or the host is busy
POLL_INTERVAL = 0.2
AGENT_SECONDS = 60  # timeout for an answer of the guest agent; libvirt's default is no timeout

# A namespace prefix that libvirt adds to the element. It must differ from the prefix that the
# element already has; Nova uses the same.
_METADATA_KEY = "instance"


_PAUSED_BY_MIGRATION = (
    libvirt.VIR_DOMAIN_PAUSED_MIGRATION,
    libvirt.VIR_DOMAIN_PAUSED_POSTCOPY,
    libvirt.VIR_DOMAIN_PAUSED_POSTCOPY_FAILED,
)
_NO_JOB = (
    libvirt.VIR_ERR_OPERATION_INVALID,
    libvirt.VIR_ERR_OPERATION_UNSUPPORTED,  # at the destination of a migration
    libvirt.VIR_ERR_NO_DOMAIN,
)


@contextlib.contextmanager
def _job_may_have_ended() -> Iterator[None]:
    try:
        yield
    except libvirt.libvirtError as exc:
        if exc.get_error_code() not in _NO_JOB:
            raise


class MigrationJob:
    """``stats``: as libvirt reports them."""

    def __init__(self, stats: dict[str, Any]):
        self._stats = stats

    @property
    def has_begun(self) -> bool:
        """Whether QEMU copies memory; before, it cannot be told to complete the migration."""
        return bool(self._stats.get("memory_processed"))

    def progress(self) -> dict[str, int]:
        """Bytes, by the names that :class:`nova_mini.virt.live_migration.Watch` takes."""
        names = [f"{what}_{how}" for what in ("memory", "disk") for how in _PROGRESS]
        return {name: int(self._stats[name]) for name in names if name in self._stats}


_PROGRESS = ("total", "processed", "remaining")


class Guest:
    def __init__(self, domain: libvirt.virDomain):
        self._domain = domain
        self.uuid = domain.UUIDString()

    # -- state -------------------------------------------------------------------------------

    def get_info(self) -> InstanceInfo:
        state, _reason = self._domain.state()
        internal_id = self._domain.ID()
        return InstanceInfo(
            state=LIBVIRT_POWER_STATE[state],
            internal_id=internal_id if internal_id >= 0 else None,
        )

    def get_power_state(self) -> int:
        return LIBVIRT_POWER_STATE[self._domain.state()[0]]

    def is_active(self) -> bool:
        return bool(self._domain.isActive())

    def get_statistics(self) -> dict[str, Any]:
        """The counters of the domain, with libvirt's names, such as ``block.0.rd.bytes``."""
        connection = self._domain.connect()
        [(_domain, statistics)] = connection.domainListGetStats([self._domain], STATISTICS)
        return statistics

    def wait_for_power_state(self, state: int, timeout: float) -> bool:
        """Whether the state is reached within ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while self.get_power_state() != state:
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_INTERVAL)
        return True

    # -- power -------------------------------------------------------------------------------

    @traced("Guest.launch")
    def launch(self, pause: bool = False) -> None:
        self._domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED if pause else 0)

    def poweroff(self) -> None:
        """Stop the domain at once. Idempotent. Raises libvirtError when QEMU does not end."""
        for attempt in range(1, DESTROY_ATTEMPTS + 1):
            try:
                self._domain.destroy()
                return
            except libvirt.libvirtError as exc:
                if exc.get_error_code() == libvirt.VIR_ERR_OPERATION_INVALID:
                    return
                if exc.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                    return
                LOG.warning(
                    "Could not stop the domain, attempt %d: %s",
                    attempt,
                    exc,
                    instance_uuid=self.uuid,
                )
                if attempt == DESTROY_ATTEMPTS:
                    raise

    def shutdown(self) -> None:
        """Press the power button; the guest may ignore it."""
        try:
            self._domain.shutdown()
        except libvirt.libvirtError as exc:
            if exc.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID:
                raise
            LOG.debug("The domain is off already", instance_uuid=self.uuid)

    def pause(self) -> None:
        self._domain.suspend()

    def resume(self) -> None:
        self._domain.resume()

    def inject_nmi(self) -> None:
        """Raises TriggerCrashDumpNotSupported, and InstanceInvalidState if it does not run."""
        try:
            self._domain.injectNMI()
        except libvirt.libvirtError as exc:
            if exc.get_error_code() == libvirt.VIR_ERR_NO_SUPPORT:
                raise exception.TriggerCrashDumpNotSupported() from exc
            if exc.get_error_code() == libvirt.VIR_ERR_OPERATION_INVALID:
                raise exception.InstanceInvalidState(
                    method="trigger_crash_dump",
                    instance_uuid=self.uuid,
                    attr="power state",
                    state=power_state.STATE_MAP[self.get_power_state()],
                ) from exc
            raise

    def set_user_password(self, user: str, password: str) -> None:
        """Set it by the guest agent. Raises libvirtError."""
        self._domain.agentSetResponseTimeout(AGENT_SECONDS)
        self._domain.setUserPassword(user, password)

    def save_memory_state(self) -> None:
        """Save the memory to disk and stop; the next launch restores it."""
        self._domain.managedSave(0)

    def has_saved_memory(self) -> bool:
        return bool(self._domain.hasManagedSaveImage(0))

    def discard_saved_memory(self) -> None:
        if self.has_saved_memory():
            self._domain.managedSaveRemove(0)

    def delete_configuration(self) -> None:
        """Undefine the domain and remove its saved memory and snapshots metadata. Its NVRAM is
        removed with the folder of the instance, and so is the state of its TPM. Idempotent."""
        flags = (
            libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
            | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
        )
        try:
            definition = self.get_definition(persistent=True)
            if "<nvram" in definition:
                flags |= libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM
            if "<tpm" in definition:
                flags |= libvirt.VIR_DOMAIN_UNDEFINE_KEEP_TPM
            self._domain.undefineFlags(flags)
        except libvirt.libvirtError as exc:
            if exc.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                raise

    # -- migration ---------------------------------------------------------------------------

    def get_definition(self, migratable: bool = False, persistent: bool = False) -> str:
        """The XML of the domain as it runs, or of its persistent definition. ``migratable``: as
        another libvirt takes it, with its secrets."""
        flags = libvirt.VIR_DOMAIN_XML_INACTIVE if persistent else 0
        if migratable:
            flags |= libvirt.VIR_DOMAIN_XML_MIGRATABLE | libvirt.VIR_DOMAIN_XML_SECURE
        return self._domain.XMLDesc(flags)

    @traced("Guest.migrate")
    def migrate(self, uri: str, parameters: dict[str, Any], flags: int) -> None:
        """Move the domain to the libvirt at ``uri``; returns when it runs there."""
        self._domain.migrateToURI3(uri, parameters, flags)

    def get_migration_job(self) -> MigrationJob | None:
        """The migration from this host that runs now, or is being cancelled."""
        try:
            stats = self._domain.jobStats()
        except libvirt.libvirtError as exc:
            if exc.get_error_code() in _NO_JOB:
                return None
            raise
        operation = stats.get("operation")
        is_running = stats["type"] != libvirt.VIR_DOMAIN_JOB_NONE
        if not is_running or operation != libvirt.VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT:
            return None
        return MigrationJob(stats)

    def is_incoming(self) -> bool:
        """Whether this libvirt receives the domain from another one now."""
        try:
            operation = self._domain.jobStats().get("operation")
        except libvirt.libvirtError as exc:
            # libvirt tells the progress at the source only.
            if exc.get_error_code() not in _NO_JOB:
                raise
            return exc.get_error_code() == libvirt.VIR_ERR_OPERATION_UNSUPPORTED
        return operation == libvirt.VIR_DOMAIN_JOB_OPERATION_MIGRATION_IN

    def is_paused_by_migration(self) -> bool:
        """Whether it neither runs nor was paused by a user: a migration did not come to its end."""
        state, reason = self._domain.state()
        return state == libvirt.VIR_DOMAIN_PAUSED and reason in _PAUSED_BY_MIGRATION

    def set_migration_downtime(self, milliseconds: int) -> None:
        with _job_may_have_ended():
            self._domain.migrateSetMaxDowntime(milliseconds, 0)

    def replace_migration_speed(self, old: int, new: int) -> None:
        """Change the speed of the migration that runs, and of later ones, if it is ``old``. In MiB
        per second."""
        with _job_may_have_ended():
            if self._domain.migrateGetMaxSpeed(0) == old:
                self._domain.migrateSetMaxSpeed(new, 0)

    def abort_migration(self) -> None:
        with _job_may_have_ended():
            self._domain.abortJob()

    def start_post_copy(self) -> None:
        with _job_may_have_ended():
            self._domain.migrateStartPostCopy(0)

    # -- devices -----------------------------------------------------------------------------

    def get_devices(self, persistent: bool = False) -> DomainDevices:
        """Devices of the running domain or, with ``persistent``, of its definition."""
        flags = libvirt.VIR_DOMAIN_XML_INACTIVE if persistent else 0
        return DomainDevices.parse_str(self._domain.XMLDesc(flags))

    def attach_device(self, config: LibvirtConfigObject, live: bool) -> None:
        """Add a device to the running domain (``live``) or to its definition."""
        self._domain.attachDeviceFlags(config.to_xml(), _affected(live))

    def detach_device(self, config: LibvirtConfigObject, live: bool) -> None:
        """Request the removal of a device from the running domain (``live``; the guest's answer is
        an event), or remove it from the definition."""
        try:
            self._domain.detachDeviceFlags(config.to_xml(), _affected(live))
        except libvirt.libvirtError as exc:
            if exc.get_error_code() != libvirt.VIR_ERR_DEVICE_MISSING:
                raise

    def update_device(self, config: LibvirtConfigObject) -> None:
        """Replace a device in the definition."""
        self._domain.updateDeviceFlags(config.to_xml(), _affected(live=False))

    def get_disk_size(self, disk: str) -> int:
        """The size in bytes that the running guest sees."""
        return self._domain.blockInfo(disk)[0]

    def resize_disk(self, disk: str, size: int) -> None:
        """Change the size that the running guest sees to ``size`` bytes."""
        self._domain.blockResize(disk, size, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)

    # -- metadata ----------------------------------------------------------------------------

    def set_metadata(self, metadata: LibvirtConfigGuestMetaNovaInstance) -> None:
        """Replace Nova's metadata in the definition and in the running domain, if it runs."""
        flags = libvirt.VIR_DOMAIN_AFFECT_CONFIG
        if self.is_active():
            flags |= libvirt.VIR_DOMAIN_AFFECT_LIVE
        self._domain.setMetadata(
            libvirt.VIR_DOMAIN_METADATA_ELEMENT, metadata.to_xml(), _METADATA_KEY, NOVA_NS, flags
        )

    # -- block copy --------------------------------------------------------------------------

    def copy_disk(
        self, disk: str, destination: LibvirtConfigObject, quiesce: bool, stall_timeout: float = 300
    ) -> None:
        """Copy a disk of a running domain into a new file, without a backing file. The copy is
        consistent: all its data is of the same time.

        ``quiesce``: the guest agent freezes the file systems at that time. Raises libvirtError,
        Preempted, and TimeoutError when the copy makes no progress for ``stall_timeout`` seconds.
        """
        self.abort_disk_job(disk)
        self._domain.blockCopy(
            disk, destination.to_xml(), None, libvirt.VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB
        )
        try:
            self._wait_for_mirror(disk, stall_timeout)
            with self.quiesced(quiesce):
                self._domain.blockJobAbort(disk, 0)
        except BaseException:
            self.abort_disk_job(disk)
            raise

    def start_mirror(self, disk: str, destination: LibvirtConfigObject) -> None:
        """Start to copy a disk to an existing volume. When both are equal, all writes go to both.

        See :meth:`pivot_to_mirror`.
        """
        flags = (
            libvirt.VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB
            | libvirt.VIR_DOMAIN_BLOCK_COPY_REUSE_EXT
            | libvirt.VIR_DOMAIN_BLOCK_COPY_SYNCHRONOUS_WRITES
        )
        self._domain.blockCopy(disk, destination.to_xml(), None, flags)

    @traced("Guest.pivot_to_mirror")
    def pivot_to_mirror(self, disk: str) -> None:
        self._domain.blockJobAbort(disk, libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT)

    def get_disk_job_progress(self, disk: str) -> int:
        """Bytes that are copied; 0 also without a job."""
        return self._domain.blockJobInfo(disk, 0).get("cur", 0)

    def abort_disk_job(self, disk: str) -> None:
        """End a copy of this process or of one that died. Idempotent."""
        if self._domain.blockJobInfo(disk, 0):
            self._domain.blockJobAbort(disk, 0)

    def _wait_for_mirror(self, disk: str, stall_timeout: float) -> None:
        """Wait until copy and disk are equal; from then on all writes go to both."""
        started_at = progress_at = time.monotonic()
        copied = -1
        while True:
            preemption.check(time.monotonic() - started_at)
            job = self._domain.blockJobInfo(disk, 0)
            if not job:
                raise exception.NovaException(f"The copy of disk {disk} ended too early.")
            if job["end"] and job["cur"] == job["end"]:
                return
            if job["cur"] != copied:
                copied, progress_at = job["cur"], time.monotonic()
            elif time.monotonic() - progress_at > stall_timeout:
                raise TimeoutError(
                    f"the copy of disk {disk} made no progress for {stall_timeout} s"
                )
            time.sleep(POLL_INTERVAL)

    @contextlib.contextmanager
    def quiesced(self, quiesce: bool) -> Iterator[None]:
        """Context manager: with ``quiesce``, the guest agent keeps the file systems frozen during
        the body. The guest must be running then."""
        if not quiesce:
            yield
            return
        self._domain.agentSetResponseTimeout(AGENT_SECONDS)
        self._domain.fsFreeze()
        try:
            yield
        finally:
            self._domain.fsThaw()


def _affected(live: bool) -> int:
    return libvirt.VIR_DOMAIN_AFFECT_LIVE if live else libvirt.VIR_DOMAIN_AFFECT_CONFIG
