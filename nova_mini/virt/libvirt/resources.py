"""The resources of this host: processors, memory and disk, as the kernel reports them.

Memory is read from /proc/meminfo: libvirt reports the memory of the NUMA nodes, which is wrong in
virtual machines whose memory grows on demand.
"""

from __future__ import annotations

import os
import pathlib

from oslo_utils import units

from nova_mini.conf import CONF
from nova_mini.virt import cpu_sets, uptime
from nova_mini.virt.driver.host_information import HostResources
from nova_mini.virt.libvirt import host_numa, traits, utils
from nova_mini.virt.libvirt.host import Host
from nova_mini.virt.libvirt.imagebackend.base import Storage


def get_available_resource(host: Host, hostname: str, storage: Storage | None) -> HostResources:
    """See ``ComputeDriver.get_available_resource``. ``storage``: None if disks are files."""
    storage = storage or file_system()
    numa = cpu_sets.apply(host.capabilities.numa)
    return HostResources(
        vcpus=len(numa.shared),
        memory_mb=host_numa.total_memory_mb(),
        local_gb=storage.total // units.Gi,
        disk_available_least=storage.free // units.Gi,
        disk_pool=storage.pool,
        ceph_addresses=list(storage.client_addresses),
        hypervisor_type="QEMU",
        hypervisor_version=host.get_version(),
        hypervisor_hostname=hostname,
        cpu_info=host.capabilities.cpu,
        supported_instances=[
            [arch, virt_type, "hvm"]
            for arch, virt_types in host.capabilities.guests
            for virt_type in virt_types
        ],
        traits=traits.of_host(host),
        host_uptime=uptime.of_machine(),
        numa=numa,
    )


def file_system(without: str | None = None) -> Storage:
    """The file system of the disks; the space into which they can still grow is not free.
    ``without``: the uuid of an instance whose disks do not count."""
    disk = os.statvfs(utils.instances_path())
    return Storage(
        pool=None,
        total=disk.f_blocks * disk.f_frsize,
        free=free_bytes() - _growth_bytes(without),
    )


def free_bytes() -> int:
    """The space of that file system that is not written yet."""
    disk = os.statvfs(utils.instances_path())
    return disk.f_bavail * disk.f_frsize


def _growth_bytes(without: str | None = None) -> int:
    """By how many bytes all disks of instances can still grow."""
    driver_format = "raw" if CONF.libvirt.images_type in ("raw", "flat") else "qcow2"
    disks = [
        path
        for uuid in utils.list_instance_dirs() - {without}
        for path in (utils.instances_path() / uuid).glob("disk*")
        if path.suffix not in (".config", ".part")
    ]
    return sum(_growth_of(path, driver_format) for path in disks)


def _growth_of(path: pathlib.Path, driver_format: str) -> int:
    try:
        allocated = path.stat().st_blocks * 512
        return max(0, utils.get_disk_size(path, driver_format) - allocated)
    except FileNotFoundError:  # its instance was deleted meanwhile
        return 0
