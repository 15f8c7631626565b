"""The traits that a host must have for the hardware of a server, by the names of os-traits."""

from __future__ import annotations

from oslo_utils import strutils

from nova_mini.guest_options import firmware
from nova_mini.guest_options.option import GuestRequirements

_UEFI = "COMPUTE_FIRMWARE_UEFI"
_SECURE_BOOT = "COMPUTE_SECURITY_UEFI_SECURE_BOOT"
_STATELESS = "COMPUTE_SECURITY_STATELESS_FIRMWARE"
_PACKED = "COMPUTE_NET_VIRTIO_PACKED"

#: All that :func:`of` can require.
ALL = frozenset({_UEFI, _SECURE_BOOT, _STATELESS, _PACKED})


def of(requested: GuestRequirements) -> dict[str, str]:
    """As a flavor would require them: ``trait:NAME`` -> ``required``."""
    return {f"trait:{name}": "required" for name in _names(requested)}


def _names(requested: GuestRequirements) -> set[str]:
    found = set()
    if firmware.is_uefi(requested):
        found.add(_UEFI)
        if firmware.secure_boot(requested) == firmware.REQUIRED:
            found.add(_SECURE_BOOT)
        if firmware.is_stateless(requested):
            found.add(_STATELESS)
    if strutils.bool_from_string(requested.hardware("virtio_packed_ring")):
        found.add(_PACKED)
    return found
