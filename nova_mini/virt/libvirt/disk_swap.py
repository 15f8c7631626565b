"""Another volume in the place of a guest's disk, while the guest runs.

QEMU copies the disk and writes everything to both from the moment when they are equal. So it does
not matter which of them the guest has when anything dies after that: there the swap is committed.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

from nova_mini import exception
from nova_mini.virt.libvirt.config_devices import LibvirtConfigGuestDisk
from nova_mini.virt.libvirt.guest import Guest

PATIENCE = 300  # seconds in which nothing of the copy moved
POLL_INTERVAL = 0.2


def swap(
    guest: Guest,
    config: LibvirtConfigGuestDisk,
    *,
    is_larger: bool,
    commit: Callable[[], None] | None,
) -> None:
    """Give the disk of ``config``'s name its source, in the running guest and in the definition.

    ``commit`` is called when both are equal; None: it was. A running guest sees more room in a
    larger volume only when it is started the next time: QEMU copies between equals, and takes a
    part of the larger one for it. Raises VolumeSwapFailed, libvirtError.
    """
    if guest.is_active():
        _swap_running(guest, config, is_larger, commit)
    elif commit:
        raise _failed(config, "the server does not run")
    guest.update_device(config)


def _swap_running(guest, config, is_larger, commit) -> None:
    disk = _running(guest, config)
    if disk.place == config.place:
        return
    if disk.mirror != config.place:  # a copy to elsewhere is of a swap that was given up
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
    done, moved_at = -1, time.monotonic()
    while not (disk := _running(guest, config)).mirror_is_ready:
        if disk.mirror is None:
            raise _failed(config, "the copy ended before its time")
        copied = guest.get_disk_job_progress(config.target_dev)
        if copied != done:
            done, moved_at = copied, time.monotonic()
        elif time.monotonic() - moved_at > PATIENCE:
            raise _failed(config, f"the copy has not moved for {PATIENCE} s")
        time.sleep(POLL_INTERVAL)


def _failed(config: LibvirtConfigGuestDisk, reason: str) -> exception.VolumeSwapFailed:
    return exception.VolumeSwapFailed(volume_id=config.serial, reason=reason)
