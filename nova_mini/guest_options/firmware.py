"""The firmware that a server requests: BIOS or UEFI, with or without secure boot and state."""

from __future__ import annotations

from oslo_utils import strutils

from nova_mini.guest_options.option import GuestRequirements

UEFI = "uefi"
DISABLED, OPTIONAL, REQUIRED = "disabled", "optional", "required"


def is_uefi(requested: GuestRequirements) -> bool:
    """The flavor has precedence over the image."""
    return requested.hardware("firmware_type") == UEFI


def secure_boot(requested: GuestRequirements) -> str:
    """``disabled``, ``optional`` (if the host can) or ``required``. Only an image can say
    ``optional``; its flavor has precedence over that."""
    return (
        requested.extra_specs.get("os:secure_boot")
        or requested.image_properties.get("os_secure_boot")
        or DISABLED
    )


def is_stateless(requested: GuestRequirements) -> bool:
    """Whether the firmware keeps no variables."""
    value = requested.image_properties.get("hw_firmware_stateless")
    return strutils.bool_from_string(value)
