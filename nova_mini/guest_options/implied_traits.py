"""The traits that a host must have for the hardware of a server, by the names of os-traits."""

from __future__ import annotations

from oslo_utils import strutils

from nova_mini.guest_options import choices, firmware
from nova_mini.guest_options.option import GuestRequirements

_UEFI = "COMPUTE_FIRMWARE_UEFI"
_SECURE_BOOT = "COMPUTE_SECURITY_UEFI_SECURE_BOOT"
_STATELESS = "COMPUTE_SECURITY_STATELESS_FIRMWARE"
_PACKED = "COMPUTE_NET_VIRTIO_PACKED"

# The USB controllers that have a trait.
_USB = {"nec-xhci": "COMPUTE_USB_MODEL_NEC_XHCI", "qemu-xhci": "COMPUTE_USB_MODEL_QEMU_XHCI"}
_SOUND = {model: f"COMPUTE_SOUND_MODEL_{model.upper()}" for model in choices.SOUND_MODELS}

#: All that :func:`of` can require.
ALL = frozenset({_UEFI, _SECURE_BOOT, _STATELESS, _PACKED, *_USB.values(), *_SOUND.values()})


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
    for traits, option in ((_USB, "usb_model"), (_SOUND, "sound_model")):
        model = requested.hardware(option)
        if model in traits:
            found.add(traits[model])
    return found
