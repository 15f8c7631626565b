"""The traits that a host must have for the hardware of a server, by the names of os-traits."""

from __future__ import annotations

from collections.abc import Mapping

from oslo_utils import strutils

from nova_mini.guest_options import choices, firmware, vtpm
from nova_mini.guest_options.option import GuestRequirements

_UEFI = "COMPUTE_FIRMWARE_UEFI"
_SECURE_BOOT = "COMPUTE_SECURITY_UEFI_SECURE_BOOT"
_STATELESS = "COMPUTE_SECURITY_STATELESS_FIRMWARE"
_PACKED = "COMPUTE_NET_VIRTIO_PACKED"

TPM_VERSIONS = {
    vtpm.VERSION_1_2: "COMPUTE_SECURITY_TPM_1_2",
    vtpm.VERSION_2_0: "COMPUTE_SECURITY_TPM_2_0",
}
TPM_MODELS = {vtpm.TIS: "COMPUTE_SECURITY_TPM_TIS", vtpm.CRB: "COMPUTE_SECURITY_TPM_CRB"}
TPM_OWNER = "COMPUTE_SECURITY_TPM_SECRET_SECURITY_USER"

#: What a host has that can run all kinds of virtual TPMs.
OF_TPMS = frozenset({*TPM_VERSIONS.values(), *TPM_MODELS.values(), TPM_OWNER})

# The USB controllers that have a trait.
_USB = {"nec-xhci": "COMPUTE_USB_MODEL_NEC_XHCI", "qemu-xhci": "COMPUTE_USB_MODEL_QEMU_XHCI"}
_SOUND = {model: f"COMPUTE_SOUND_MODEL_{model.upper()}" for model in choices.SOUND_MODELS}

#: All that :func:`of` can require.
ALL = OF_TPMS | {_UEFI, _SECURE_BOOT, _STATELESS, _PACKED, *_USB.values(), *_SOUND.values()}


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
    if tpm := vtpm.of(requested):
        found |= {TPM_OWNER, *_named(TPM_VERSIONS, tpm.version), *_named(TPM_MODELS, tpm.model)}
    for traits, option in ((_USB, "usb_model"), (_SOUND, "sound_model")):
        found |= _named(traits, requested.hardware(option))
    return found


def _named(traits: Mapping[str, str], value: str | None) -> set[str]:
    """Values without a trait are the default, or are refused elsewhere."""
    return {traits[value]} if value is not None and value in traits else set()
