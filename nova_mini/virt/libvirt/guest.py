"""One domain of libvirt: the few things that the driver does with it, by their names here."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import libvirt
from oslo_log import log as logging

from nova_mini import exception
from nova_mini.compute import power_state
from nova_mini.trace import traced
from nova_mini.virt import driver
from nova_mini.virt.libvirt.config import DomainDevices, LibvirtConfigObject

LOG = logging.getLogger(__name__)

LIBVIRT_POWER_STATE = {
    libvirt.VIR_DOMAIN_NOSTATE: power_state.NOSTATE,
    libvirt.VIR_DOMAIN_RUNNING: power_state.RUNNING,
    libvirt.VIR_DOMAIN_BLOCKED: power_state.RUNNING,
    libvirt.VIR_DOMAIN_PAUSED: power_state.PAUSED,
    # On its way out, but QEMU is still there: nothing may take it for off and start it again.
    libvirt.VIR_DOMAIN_SHUTDOWN: power_state.RUNNING,
    libvirt.VIR_DOMAIN_SHUTOFF: power_state.SHUTDOWN,
    libvirt.VIR_DOMAIN_CRASHED: power_state.CRASHED,
    libvirt.VIR_DOMAIN_PMSUSPENDED: power_state.SUSPENDED,
}

DESTROY_ATTEMPTS = 3  # QEMU may be slow to die when its disk or the host is busy
POLL_INTERVAL = 0.2


class Guest:
    def __init__(self, domain: libvirt.virDomain):
        self._domain = domain
        self.uuid = domain.UUIDString()

    # -- state -------------------------------------------------------------------------------

    def get_info(self) -> driver.InstanceInfo:
        state, _reason = self._domain.state()
        internal_id = self._domain.ID()
        return driver.InstanceInfo(
            state=LIBVIRT_POWER_STATE[state],
            internal_id=internal_id if internal_id >= 0 else None,
        )

    def get_power_state(self) -> int:
        return LIBVIRT_POWER_STATE[self._domain.state()[0]]

    def is_active(self) -> bool:
        return bool(self._domain.isActive())

    def wait_for_power_state(self, wanted: int, timeout: float) -> bool:
        """True as soon as the state is reached, False when it was not in ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while self.get_power_state() != wanted:
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_INTERVAL)
        return True

    # -- power -------------------------------------------------------------------------------

    @traced
    def launch(self, pause: bool = False) -> None:
        self._domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED if pause else 0)

    def poweroff(self) -> None:
        """Pull the plug. Already off is fine; raises libvirtError when QEMU will not die."""
        for attempt in range(1, DESTROY_ATTEMPTS + 1):
            try:
                self._domain.destroy()
                return
            except libvirt.libvirtError as exc:
                if exc.get_error_code() == libvirt.VIR_ERR_OPERATION_INVALID:
                    return
                if exc.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                    return
                LOG.warning("destroy %d failed: %s", attempt, exc, instance_uuid=self.uuid)
                if attempt == DESTROY_ATTEMPTS:
                    raise

    def shutdown(self) -> None:
        """Press the power button; what the guest makes of it is its own affair."""
        try:
            self._domain.shutdown()
        except libvirt.libvirtError as exc:
            if exc.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID:
                raise
            LOG.debug("is off already", instance_uuid=self.uuid)

    def pause(self) -> None:
        self._domain.suspend()

    def resume(self) -> None:
        self._domain.resume()

    def save_memory_state(self) -> None:
        """Write the memory to disk and stop; the next launch goes on from there."""
        self._domain.managedSave(0)

    def has_saved_memory(self) -> bool:
        return bool(self._domain.hasManagedSaveImage(0))

    def discard_saved_memory(self) -> None:
        if self.has_saved_memory():
            self._domain.managedSaveRemove(0)

    def delete_configuration(self) -> None:
        """Forget the domain and all that libvirt keeps of it. Not there is fine."""
        try:
            self._domain.undefineFlags(
                libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
                | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
            )
        except libvirt.libvirtError as exc:
            if exc.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                raise

    # -- devices -----------------------------------------------------------------------------

    def get_devices(self, persistent: bool = False) -> DomainDevices:
        """Of the running domain, or of its definition."""
        flags = libvirt.VIR_DOMAIN_XML_INACTIVE if persistent else 0
        return DomainDevices.parse_str(self._domain.XMLDesc(flags))

    def attach_device(self, config: LibvirtConfigObject, live: bool) -> None:
        """Into the running domain or into the definition."""
        self._domain.attachDeviceFlags(config.to_xml(), _affected(live))

    def detach_device(self, config: LibvirtConfigObject, live: bool) -> None:
        """From the running domain (the guest is asked; see the events) or from the definition."""
        try:
            self._domain.detachDeviceFlags(config.to_xml(), _affected(live))
        except libvirt.libvirtError as exc:
            if exc.get_error_code() != libvirt.VIR_ERR_DEVICE_MISSING:
                raise

    def update_device(self, config: LibvirtConfigObject) -> None:
        """Replace a device in the definition."""
        self._domain.updateDeviceFlags(config.to_xml(), _affected(live=False))

    def get_disk_size(self, disk: str) -> int:
        """Bytes, as the running guest sees it."""
        return self._domain.blockInfo(disk)[0]

    def resize_disk(self, disk: str, size: int) -> None:
        """Tell a running guest that its disk has ``size`` bytes."""
        self._domain.blockResize(disk, size, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)

    # -- block copy --------------------------------------------------------------------------

    def copy_disk(
        self, disk: str, destination: LibvirtConfigObject, quiesce: bool, patience: float = 300
    ) -> None:
        """Copy a disk of an active domain, flattened, into a new file, as it is at one moment.

        ``quiesce`` asks the guest's agent to bring its file systems to rest for that moment.
        Raises libvirtError, and TimeoutError when nothing moved for ``patience`` seconds.
        """
        self.abort_disk_job(disk)
        self._domain.blockCopy(
            disk, destination.to_xml(), None, libvirt.VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB
        )
        try:
            self._wait_for_mirror(disk, patience)
            with self.at_rest(quiesce):
                self._domain.blockJobAbort(disk, 0)
        except BaseException:
            self.abort_disk_job(disk)
            raise

    def start_mirror(self, disk: str, destination: LibvirtConfigObject) -> None:
        """Copy a disk into a volume that is there; when they are equal, all writes go to both."""
        flags = (
            libvirt.VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB
            | libvirt.VIR_DOMAIN_BLOCK_COPY_REUSE_EXT
            | libvirt.VIR_DOMAIN_BLOCK_COPY_SYNCHRONOUS_WRITES
        )
        self._domain.blockCopy(disk, destination.to_xml(), None, flags)

    @traced
    def pivot_to_mirror(self, disk: str) -> None:
        self._domain.blockJobAbort(disk, libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT)

    def get_disk_job_progress(self, disk: str) -> int:
        """Bytes that are done; 0 also where there is no job."""
        return self._domain.blockJobInfo(disk, 0).get("cur", 0)

    def abort_disk_job(self, disk: str) -> None:
        """Also of a service that died in the middle of a copy. No job is fine."""
        if self._domain.blockJobInfo(disk, 0):
            self._domain.blockJobAbort(disk, 0)

    def _wait_for_mirror(self, disk: str, patience: float) -> None:
        """Until copy and disk are equal and stay so."""
        done, moved_at = -1, time.monotonic()
        while True:
            job = self._domain.blockJobInfo(disk, 0)
            if not job:
                raise exception.NovaException(f"The copy of disk {disk} ended before its time.")
            if job["end"] and job["cur"] == job["end"]:
                return
            if job["cur"] != done:
                done, moved_at = job["cur"], time.monotonic()
            elif time.monotonic() - moved_at > patience:
                raise TimeoutError(f"the copy of disk {disk} has not moved for {patience} s")
            time.sleep(POLL_INTERVAL)

    @contextlib.contextmanager
    def at_rest(self, quiesce: bool) -> Iterator[None]:
        """The agent of an active guest keeps its file systems at rest inside, if it shall."""
        if not quiesce:
            yield
            return
        self._domain.fsFreeze()
        try:
            yield
        finally:
            self._domain.fsThaw()


def _affected(live: bool) -> int:
    return libvirt.VIR_DOMAIN_AFFECT_LIVE if live else libvirt.VIR_DOMAIN_AFFECT_CONFIG
