"""What this host has: processors, memory and disk, asked of the kernel.

Memory is read from /proc/meminfo, because libvirt's own figure is that of the NUMA nodes, which
virtual machines that grow on demand report wrongly.
"""

from __future__ import annotations

import os
import pathlib

from oslo_utils import units

from nova_mini.conf import CONF
from nova_mini.virt.libvirt import utils
from nova_mini.virt.libvirt.host import Host
from nova_mini.virt.libvirt.imagebackend import Storage


def get_available_resource(host: Host, hostname: str, storage: Storage | None) -> dict:
    """See ``ComputeDriver.get_available_resource``; disks are in ``storage``, or in files."""
    memory = _meminfo_mb()
    return {
        "vcpus": os.cpu_count(),
        "memory_mb": memory["MemTotal"],
        "memory_mb_free_real": memory["MemAvailable"],
        **(_file_system() if storage is None else _besides_files(storage)),
        "hypervisor_type": "QEMU",
        "hypervisor_version": host.get_version(),
        "hypervisor_hostname": hostname,
        "cpu_info": host.capabilities.cpu,
        "supported_instances": [
            [arch, virt_type, "hvm"]
            for arch, virt_types in host.capabilities.guests
            for virt_type in virt_types
        ],
        "host_uptime": _uptime(),
    }


def _file_system() -> dict:
    disk = os.statvfs(utils.instances_path())
    free = disk.f_bavail * disk.f_frsize
    return {
        "local_gb": disk.f_blocks * disk.f_frsize // units.Gi,
        "disk_available_least": (free - _promised_bytes()) // units.Gi,
        "disk_pool": None,
    }


def _besides_files(storage: Storage) -> dict:
    return {
        "local_gb": storage.total // units.Gi,
        "disk_available_least": storage.free // units.Gi,
        "disk_pool": storage.pool,
    }


def _meminfo_mb() -> dict[str, int]:
    lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
    pairs = (line.split(":") for line in lines)
    return {name: int(value.split()[0]) // units.Ki for name, value in pairs}


def _promised_bytes() -> int:
    """What the disks of instances may still grow by."""
    driver_format = "raw" if CONF.libvirt.images_type in ("raw", "flat") else "qcow2"
    disks = [
        path
        for uuid in utils.list_instance_dirs()
        for path in (utils.instances_path() / uuid).glob("disk*")
        if path.suffix not in (".config", ".part")
    ]
    return sum(_may_grow(path, driver_format) for path in disks)


def _may_grow(path: pathlib.Path, driver_format: str) -> int:
    try:
        allocated = path.stat().st_blocks * 512
        return max(0, utils.get_disk_size(path, driver_format) - allocated)
    except FileNotFoundError:  # its instance was deleted just now
        return 0


def _uptime() -> str:
    seconds = float(pathlib.Path("/proc/uptime").read_text().split()[0])
    days, rest = divmod(int(seconds), 86400)
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    hours, minutes = rest // 3600, rest % 3600 // 60
    return f"up {days} days, {hours:2}:{minutes:02}, 0 users, load average: {load}"
