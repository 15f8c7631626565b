"""What a hypervisor reports of a running guest, in the format of microversion 2.48.

None: the driver does not know the value.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from nova_mini.clock import utcnow

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance


@dataclasses.dataclass(frozen=True)
class Cpu:
    """``time``: nanoseconds that the virtual CPU ran; ``utilisation``: percent."""

    id: int
    time: int | None = None
    utilisation: int | None = None


@dataclasses.dataclass(frozen=True)
class Disk:
    read_bytes: int | None = None
    read_requests: int | None = None
    write_bytes: int | None = None
    write_requests: int | None = None
    errors_count: int | None = None


@dataclasses.dataclass(frozen=True)
class Nic:
    """``*_octets``: bytes; ``*_rate``: bytes per second."""

    mac_address: str | None
    rx_octets: int | None = None
    rx_packets: int | None = None
    rx_errors: int | None = None
    rx_drop: int | None = None
    rx_rate: int | None = None
    tx_octets: int | None = None
    tx_packets: int | None = None
    tx_errors: int | None = None
    tx_drop: int | None = None
    tx_rate: int | None = None


@dataclasses.dataclass(frozen=True)
class Memory:
    """MiB: what the guest may use at most, and what its system and programs use now."""

    maximum: int | None
    used: int | None = None


@dataclasses.dataclass(frozen=True)
class Diagnostics:
    """``state``: a name of ``power_state.STATE_MAP``. ``uptime``: seconds since the launch."""

    state: str
    driver: str
    hypervisor: str
    hypervisor_os: str
    uptime: int | None
    config_drive: bool
    memory: Memory
    cpus: tuple[Cpu, ...] = ()
    disks: tuple[Disk, ...] = ()
    nics: tuple[Nic, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The response of the API."""
        return {
            "state": self.state,
            "driver": self.driver,
            "hypervisor": self.hypervisor,
            "hypervisor_os": self.hypervisor_os,
            "uptime": self.uptime,
            "config_drive": self.config_drive,
            "memory_details": dataclasses.asdict(self.memory),
            "num_cpus": len(self.cpus),
            "num_disks": len(self.disks),
            "num_nics": len(self.nics),
            "cpu_details": [dataclasses.asdict(each) for each in self.cpus],
            "disk_details": [dataclasses.asdict(each) for each in self.disks],
            "nic_details": [dataclasses.asdict(each) for each in self.nics],
        }


def uptime_of(instance: Instance) -> int | None:
    """Seconds since the server was launched; None if it never was."""
    launched = instance.launched_at
    return None if launched is None else int((utcnow() - launched).total_seconds())
