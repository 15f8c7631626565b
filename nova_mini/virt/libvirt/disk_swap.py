"""Replace the volume of a guest's disk by another one while the guest runs.

QEMU copies the disk; when both are equal, QEMU sends all writes to both. Then the swap is
committed: if a process dies after that, either volume has all data.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

from nova_mini import exception
from nova_mini.virt.libvirt.config_devices import LibvirtConfigGuestDisk
from nova_mini.virt.libvirt.guest import Guest

STALL_TIMEOUT = 300  # seconds without progress of the copy
POLL_INTERVAL = 0.2


def swap(
    guest: Guest,
    config: LibvirtConfigGuestDisk,
    *,
    is_larger: bool,
    commit: Callable[[], None] | None,
) -> None:
    """Replace the disk ``config.target_dev`` by ``config``, in the running guest and in its
    definition.

    ``commit`` is called when both volumes are equal; None: an earlier attempt called it.
    ``is_larger``: the new volume is larger. QEMU copies only between disks of the same size, so it
    uses only a part of the new volume until the next start of the guest. Raises VolumeSwapFailed,
    libvirtError.
    """
    if guest.is_active():
        _swap_running(guest, config, is_larger, commit)
    elif commit:
        raise _failed(config, "the server is not running")
    guest.update_device(config)


def _swap_running(guest, config, is_larger, commit) -> None:
    disk = _running(guest, config)
    if disk.place == config.place:
        return
    if disk.mirror != config.place:  # a copy to another place belongs to an abandoned swap
        guest.abort_disk_job(config.target_dev)
        size = guest.get_disk_size(config.target_dev) if is_larger else None
        guest.start_mirror(config.target_dev, dataclasses.replace(config, slice_size=size))
    _wait_for_mirror(guest, config)
    if commit:
        commit()
    guest.pivot_to_mirror(config.target_dev)


def _running(guest: Guest, config) -> LibvirtConfigGuestDisk:
    for disk in guest.get_devices().disks:
        if disk.target_dev == config.target_dev:
            return disk
    raise _failed(config, f"the guest has no {config.target_dev}")


def _wait_for_mirror(guest: Guest, config) -> None:
    copied, progress_at = -1, time.monotonic()
    while not (disk := _running(guest, config)).mirror_is_ready:
        if disk.mirror is None:
            raise _failed(config, "the copy ended too early")
        now_copied = guest.get_disk_job_progress(config.target_dev)
        if now_copied != copied:
            copied, progress_at = now_copied, time.monotonic()
        elif time.monotonic() - progress_at > STALL_TIMEOUT:
            raise _failed(config, f"the copy made no progress for {STALL_TIMEOUT} s")
        time.sleep(POLL_INTERVAL)


def _failed(config: LibvirtConfigGuestDisk, reason: str) -> exception.VolumeSwapFailed:
    return exception.VolumeSwapFailed(volume_id=config.serial, reason=reason)
