"""UEFI firmware: what a host offers, and what a guest gets.

libvirt chooses the files, by the descriptors that QEMU's firmware packages install. A guest has a
file with its variables (NVRAM) in its folder: libvirt makes it from a template when the guest
starts without one. So it is kept as long as the folder, and removed with it.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import pathlib
from typing import TYPE_CHECKING

import libvirt
from lxml import etree

from nova_mini import exception
from nova_mini.guest_options import firmware as requests
from nova_mini.guest_options.option import GuestRequirements

if TYPE_CHECKING:
    from collections.abc import Iterable

LOG = logging.getLogger(__name__)

# Of a guest with keys for secure boot, and of one without: a template fits only one of them.
NVRAM, SECURE_NVRAM = "nvram.fd", "nvram.secure.fd"

# QEMU's standard places; a file hides those of the same name in later folders.
DESCRIPTORS = (pathlib.Path("/etc/qemu/firmware"), pathlib.Path("/usr/share/qemu/firmware"))
_SECURE_MACHINE = {"x86_64": "q35"}  # whose firmware can protect its variables from the guest


@dataclasses.dataclass(frozen=True)
class Firmware:
    """What guests of a host can have."""

    uefi: bool = False
    secure_boot: bool = False
    stateless: bool = False


@dataclasses.dataclass(frozen=True)
class GuestFirmware:
    """The UEFI of a guest. ``nvram``: the name of its file, None for one without state."""

    secure_boot: bool
    nvram: str | None


def of_host(conn: libvirt.virConnect, arch: str, virt_type: str) -> Firmware:
    """Raises libvirtError if the connection is lost."""
    machine = _SECURE_MACHINE.get(arch)
    try:
        xml = conn.getDomainCapabilities(None, arch, machine, virt_type)
    except libvirt.libvirtError as exc:
        if not conn.isAlive():
            raise
        LOG.warning("UEFI: could not read from libvirt what guests can have: %s", exc)
        return Firmware()
    system = etree.fromstring(xml).find("os")
    if system is None or "efi" not in _values(system, "firmware"):
        return Firmware()
    return Firmware(
        uefi=True,
        secure_boot="yes" in _values(system, "secure", "loader/"),
        stateless=any(_is_stateless(each, arch) for each in _descriptors()),
    )


def _values(system: etree._Element, name: str, path: str = "") -> set[str]:
    return {node.text for node in system.iterfind(f"{path}enum[@name='{name}']/value")}


def _descriptors() -> Iterable[dict]:
    files: dict[str, pathlib.Path] = {}
    for folder in reversed(DESCRIPTORS):
        if folder.is_dir():
            files.update({path.name: path for path in folder.glob("*.json")})
    for path in files.values():
        try:
            # An empty file hides a descriptor.
            found = json.loads(path.read_text() or "{}")
        except (OSError, ValueError) as exc:
            LOG.warning("Firmware descriptor %s: could not read it: %s", path, exc)
            continue
        if isinstance(found, dict):
            yield found


def _is_stateless(descriptor: dict, arch: str) -> bool:
    return (
        "uefi" in descriptor.get("interface-types", ())
        and descriptor.get("mapping", {}).get("mode") == "stateless"
        and any(each.get("architecture") == arch for each in descriptor.get("targets", ()))
    )


def for_guest(
    requested: GuestRequirements, host: Firmware, arch: str, machine: str | None
) -> GuestFirmware | None:
    """None: BIOS. Raises HypervisorError if this host does not have it; another may."""
    if not requests.is_uefi(requested):
        return None
    _require(host.uefi, "the host has no UEFI firmware")
    is_stateless = requests.is_stateless(requested)
    _require(host.stateless or not is_stateless, "the host has no UEFI firmware without state")
    is_secure = _is_secure(requests.secure_boot(requested), host, arch, machine)
    nvram = SECURE_NVRAM if is_secure else NVRAM
    return GuestFirmware(is_secure, None if is_stateless else nvram)


def _is_secure(wanted: str, host: Firmware, arch: str, machine: str | None) -> bool:
    if wanted == requests.DISABLED:
        return False
    needed = _SECURE_MACHINE.get(arch, "")
    is_suitable = needed in (machine or "")
    if wanted == requests.REQUIRED:
        _require(host.secure_boot, "the host has no UEFI firmware with secure boot")
        _require(is_suitable, f"secure boot needs the machine type {needed}")
    return host.secure_boot and is_suitable


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise exception.HypervisorError(reason=otherwise)
