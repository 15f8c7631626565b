"""Whether a guest can run at another host, found out before anything is changed there."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Self

import libvirt
from lxml import etree

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.virt.libvirt.guest import Guest
from nova_mini.virt.libvirt.host import Host
from nova_mini.virt.libvirt.migration import certificates, local_disks
from nova_mini.virt.libvirt.migration.local_disks import LocalDisks

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.block_device_info import BlockDeviceInfo
    from nova_mini.virt.libvirt.imagebackend.file import Backend

# Devices of the host that no other host has.
_TIED_TO_HOST = ("hostdev", "filesystem", "lease", "shmem")


@dataclasses.dataclass(frozen=True)
class Facts:
    """What the source says about a guest. ``cpu``: the element of the running guest's definition.
    ``native_tls``: QEMU of the source encrypts what it sends."""

    arch: str
    virt_type: str
    machine: str
    emulator_version: int
    cpu: str | None
    disks: LocalDisks
    native_tls: bool = False

    @classmethod
    def of(
        cls,
        host: Host,
        guest: Guest,
        backend: Backend,
        instance: Instance,
        block_device_info: BlockDeviceInfo,
    ) -> Self:
        """Raises MigrationPreCheckError if the guest cannot be moved at all."""
        definition = etree.fromstring(guest.get_definition())
        if not guest.is_active():
            raise _refusal("the guest is not running")
        tied = [name for name in _TIED_TO_HOST if definition.find(f"devices/{name}") is not None]
        if tied:
            raise _refusal(f"the guest has a device of its host ({', '.join(tied)})")
        native_tls = CONF.libvirt.live_migration_with_native_tls
        if native_tls:
            certificates.check(certificates.AT_SOURCE, "source")
        type_, cpu = definition.find("os/type"), definition.find("cpu")
        return cls(
            arch=type_.get("arch"),
            virt_type=definition.get("type"),
            machine=type_.get("machine"),
            emulator_version=host.get_version(),
            cpu=None if cpu is None else etree.tostring(cpu, encoding="unicode"),
            disks=local_disks.of_guest(guest, backend, instance, block_device_info),
            native_tls=native_tls,
        )

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Self:
        return cls(**{**stored, "disks": LocalDisks.from_dict(stored["disks"])})


def check(host: Host, source: Facts) -> None:
    """At the destination; see :mod:`.disk_checks` for the disks. Raises MigrationPreCheckError; a
    user sees its text."""
    _check_hypervisor(host, source)
    _check_cpu(host, source)
    _check_encryption(source)


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


def _check_encryption(source: Facts) -> None:
    if source.native_tls:
        certificates.check(certificates.AT_DESTINATION, "destination")
    elif CONF.libvirt.live_migration_with_native_tls:
        raise _refusal(
            "live_migration_with_native_tls is set at the destination and not at the source"
        )


def _refusal(reason: str) -> exception.MigrationPreCheckError:
    return exception.MigrationPreCheckError(reason=reason)
