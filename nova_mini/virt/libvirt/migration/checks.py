"""Whether a guest can run at another host, found out before anything is changed there."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import libvirt
from lxml import etree

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.virt.libvirt import blockinfo
from nova_mini.virt.libvirt.guest import Guest
from nova_mini.virt.libvirt.host import Host

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.block_device_info import BlockDeviceInfo
    from nova_mini.virt.libvirt.imagebackend.file import Backend

# Devices of the host that no other host has.
_TIED_TO_HOST = ("hostdev", "filesystem", "lease", "shmem")


@dataclasses.dataclass(frozen=True)
class Facts:
    """What the source says about a guest. ``cpu``: the element of the running guest's definition;
    ``local_disks``: names of disks that are no volumes, without a config drive; ``pool``: the
    shared storage that has them, or None."""

    arch: str
    virt_type: str
    machine: str
    emulator_version: int
    cpu: str | None
    local_disks: Sequence[str]
    pool: str | None

    @classmethod
    def of(
        cls,
        host: Host,
        guest: Guest,
        backend: Backend,
        instance: Instance,
        block_device_info: BlockDeviceInfo,
    ) -> Facts:
        """Raises MigrationPreCheckError if the guest cannot be moved at all."""
        definition = etree.fromstring(guest.get_definition())
        if not guest.is_active():
            raise _refusal("the guest is not running")
        tied = [name for name in _TIED_TO_HOST if definition.find(f"devices/{name}") is not None]
        if tied:
            raise _refusal(f"the guest has a device of its host ({', '.join(tied)})")
        type_, cpu = definition.find("os/type"), definition.find("cpu")
        storage = backend.get_storage()
        return cls(
            arch=type_.get("arch"),
            virt_type=definition.get("type"),
            machine=type_.get("machine"),
            emulator_version=host.get_version(),
            cpu=None if cpu is None else etree.tostring(cpu, encoding="unicode"),
            local_disks=_local_disks(instance, block_device_info),
            pool=storage.pool if storage and backend.is_shared else None,
        )

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Facts:
        return cls(**stored)


def _local_disks(instance: Instance, block_device_info: BlockDeviceInfo) -> list[str]:
    found = [] if instance.is_volume_backed else [blockinfo.LOCAL_ROOT]
    count = len(block_device_info.ephemerals)
    found += [blockinfo.ephemeral_name(index) for index in range(count)]
    return found + ([blockinfo.SWAP] if block_device_info.swap_mb else [])


def check(host: Host, backend: Backend, source: Facts, block_migration: bool | None) -> None:
    """At the destination. Raises MigrationPreCheckError; a user sees its text."""
    _check_hypervisor(host, source)
    _check_cpu(host, source)
    _check_disks(backend, source, block_migration)


def _check_hypervisor(host: Host, source: Facts) -> None:
    if source.virt_type != CONF.libvirt.virt_type:
        raise _refusal(
            f"the guest runs with {source.virt_type}, the destination has {CONF.libvirt.virt_type}"
        )
    if host.get_version() < source.emulator_version:
        raise _refusal("the hypervisor of the destination is older than that of the source")
    capabilities = host.capabilities
    if source.arch != capabilities.arch:
        raise _refusal(f"the destination is not a {source.arch} host")
    if source.machine not in capabilities.machines:
        raise _refusal(f"the destination has no machine type {source.machine}")


def _check_cpu(host: Host, source: Facts) -> None:
    """Whether this host has all features of the CPU that the guest sees."""
    if source.cpu is None:
        return
    try:
        result = host.compare_cpu(source.arch, source.machine, source.virt_type, source.cpu)
    except libvirt.libvirtError as exc:
        if exc.get_error_code() == libvirt.VIR_ERR_CPU_INCOMPATIBLE:
            result = libvirt.VIR_CPU_COMPARE_INCOMPATIBLE
        elif exc.get_error_code() in (
            libvirt.VIR_ERR_NO_SUPPORT,
            libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
            libvirt.VIR_ERR_CONFIG_UNSUPPORTED,
        ):
            return  # this libvirt cannot tell; QEMU checks it before it takes the guest
        else:
            raise
    if result <= libvirt.VIR_CPU_COMPARE_INCOMPATIBLE:
        raise _refusal("the CPU of the destination lacks features that the guest uses")


def _check_disks(backend: Backend, source: Facts, block_migration: bool | None) -> None:
    storage = backend.get_storage()
    is_shared = bool(source.pool) and storage is not None and storage.pool == source.pool
    if block_migration and is_shared:
        raise _refusal("block migration cannot be used with shared storage")
    if source.local_disks and not is_shared:
        if block_migration is False:
            raise _refusal(
                "without block migration, the hosts must share their storage, or all disks of the "
                "server must be volumes"
            )
        raise _refusal(
            "the server has disks on its host, and disks are not copied while the guest runs; "
            "migrate it cold"
        )


def _refusal(reason: str) -> exception.MigrationPreCheckError:
    return exception.MigrationPreCheckError(reason=reason)
