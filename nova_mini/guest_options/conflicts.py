"""Options that are supported one by one, but not together."""

from __future__ import annotations

from collections.abc import Iterator

from nova_mini.guest_options import firmware
from nova_mini.guest_options.option import EXTRA_SPEC, GuestRequirements, Problem, Refusal
from nova_mini.guest_options.option import IMAGE_PROPERTY as IMAGE


def find(requested: GuestRequirements) -> Iterator[Problem]:
    """The conflicts between the options of a server; all values are valid."""
    yield from _of_firmware(requested)


def _of_firmware(requested: GuestRequirements) -> Iterator[Problem]:
    specs, properties = requested.extra_specs, requested.image_properties
    flavor, image = specs.get("os:secure_boot"), properties.get("os_secure_boot")
    if {flavor, image} == {firmware.DISABLED, firmware.REQUIRED}:
        reason = f"the flavor has os:secure_boot={flavor}"
        yield Problem(IMAGE, "os_secure_boot", str(image), reason, Refusal.BAD_REQUEST)
    if firmware.is_uefi(requested):
        return
    needs_uefi = "it needs hw_firmware_type=uefi"
    if flavor == firmware.REQUIRED:
        yield Problem(EXTRA_SPEC, "os:secure_boot", flavor, needs_uefi, Refusal.NO_VALID_HOST)
    elif image == firmware.REQUIRED:
        yield Problem(IMAGE, "os_secure_boot", image, needs_uefi, Refusal.NO_VALID_HOST)
    if firmware.is_stateless(requested):
        key = "hw_firmware_stateless"
        yield Problem(IMAGE, key, properties[key], needs_uefi, Refusal.BAD_REQUEST)
