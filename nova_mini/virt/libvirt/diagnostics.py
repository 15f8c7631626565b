"""Diagnostics of a guest from the statistics that libvirt keeps of its domain."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nova_mini.conf import CONF
from nova_mini.states import power_state
from nova_mini.virt import diagnostics
from nova_mini.virt.libvirt.guest import Guest

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance

Stats = Mapping[str, Any]

_KIB_PER_MIB = 1024
# The names in the format of 2.1, and the names of libvirt, of each disk and interface.
_DISK = {
    "read_req": "rd.reqs",
    "read": "rd.bytes",
    "write_req": "wr.reqs",
    "write": "wr.bytes",
    "errors": "errors",
}
_NIC = {
    "rx": "rx.bytes",
    "rx_packets": "rx.pkts",
    "rx_errors": "rx.errs",
    "rx_drop": "rx.drop",
    "tx": "tx.bytes",
    "tx_packets": "tx.pkts",
    "tx_errors": "tx.errs",
    "tx_drop": "tx.drop",
}
_VCPU_TIME = re.compile(r"vcpu\.([0-9]+)\.time\Z")


def as_items(stats: Stats) -> dict[str, int]:
    """The format of 2.1: one object with all numbers. Memory is in KiB, the time in ns."""
    items = {f"cpu{number}_time": time for number, time in _vcpu_times(stats)}
    for device in _devices(stats, "block"):
        name = device["name"]
        # libvirt counts errors for few hypervisors only: -1 means that they are not known.
        items |= {f"{name}_{key}": device.get(of, -1) for key, of in _DISK.items()}
    for device in _devices(stats, "net"):
        name = device["name"]
        items |= {f"{name}_{key}": device[of] for key, of in _NIC.items() if of in device}
    return items | _memory_items(stats)


def _memory_items(stats: Stats) -> dict[str, int]:
    items = {}
    for key, value in stats.items():
        kind, _, name = key.partition(".")
        if kind == "balloon" and name == "maximum":
            items["memory"] = value
        elif kind == "balloon":
            name = "actual" if name == "current" else name.replace("-", "_")
            items[f"memory-{name}"] = value
    return items


def as_diagnostics(
    stats: Stats, instance: Instance, mac_addresses: Mapping[str, str]
) -> diagnostics.Diagnostics:
    """The format of 2.48. ``mac_addresses``: by the name of the interface on the host."""
    return diagnostics.Diagnostics(
        state=power_state.STATE_MAP[power_state.RUNNING],
        driver="libvirt",
        hypervisor=CONF.libvirt.virt_type,
        hypervisor_os=sys.platform,
        uptime=diagnostics.uptime_of(instance),
        config_drive=bool(instance.config_drive),
        memory=_memory(stats),
        cpus=tuple(diagnostics.Cpu(number, time) for number, time in _vcpu_times(stats)),
        disks=tuple(
            diagnostics.Disk(
                read_bytes=each.get("rd.bytes"),
                read_requests=each.get("rd.reqs"),
                write_bytes=each.get("wr.bytes"),
                write_requests=each.get("wr.reqs"),
                errors_count=each.get("errors"),
            )
            for each in _devices(stats, "block")
        ),
        nics=tuple(
            diagnostics.Nic(
                mac_addresses.get(each["name"]),
                rx_octets=each.get("rx.bytes"),
                rx_packets=each.get("rx.pkts"),
                rx_errors=each.get("rx.errs"),
                rx_drop=each.get("rx.drop"),
                tx_octets=each.get("tx.bytes"),
                tx_packets=each.get("tx.pkts"),
                tx_errors=each.get("tx.errs"),
                tx_drop=each.get("tx.drop"),
            )
            for each in _devices(stats, "net")
        ),
    )


def _memory(stats: Stats) -> diagnostics.Memory:
    """``used`` is known only if the guest has a driver for the balloon, which reports it."""
    maximum, current = stats.get("balloon.maximum"), stats.get("balloon.current")
    unused = stats.get("balloon.unused")
    used = None if current is None or unused is None else (current - unused) // _KIB_PER_MIB
    return diagnostics.Memory(None if maximum is None else maximum // _KIB_PER_MIB, used)


def _vcpu_times(stats: Stats) -> list[tuple[int, int]]:
    found = ((_VCPU_TIME.match(key), value) for key, value in stats.items())
    return sorted((int(match[1]), value) for match, value in found if match)


def _devices(stats: Stats, kind: str) -> list[dict[str, Any]]:
    """The statistics of each device of a kind (block, net), without the ``KIND.NUMBER.`` before
    their names."""
    devices = []
    for number in range(stats.get(f"{kind}.count", 0)):
        prefix = f"{kind}.{number}."
        found = {k.removeprefix(prefix): v for k, v in stats.items() if k.startswith(prefix)}
        if "name" in found:
            devices.append(found)
    return devices


def mac_addresses_of(guest: Guest) -> dict[str, str]:
    """The MAC address of each interface, by its name on the host."""
    return {
        each.target_dev: each.mac_addr for each in guest.get_devices().interfaces if each.target_dev
    }
