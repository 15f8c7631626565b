"""Options that are supported one by one, but not together."""

from __future__ import annotations

from collections.abc import Iterator

from oslo_utils import strutils

from nova_mini.guest_options import defaults, firmware
from nova_mini.guest_options.option import EXTRA_SPEC, GuestRequirements, Problem, Refusal
from nova_mini.guest_options.option import IMAGE_PROPERTY as IMAGE

# Switches for which a flavor and an image must not say different things.
_SWITCHES = ("vif_multiqueue_enabled", "virtio_packed_ring")


def find(requested: GuestRequirements) -> Iterator[Problem]:
    """The conflicts between the options of a server; all values are valid."""
    yield from _of_switches(requested)
    yield from _of_firmware(requested)
    yield from _of_bandwidth(requested)


def _of_switches(requested: GuestRequirements) -> Iterator[Problem]:
    for name in _SWITCHES:
        flavor = requested.extra_specs.get(f"hw:{name}")
        image = requested.image_properties.get(f"hw_{name}")
        if flavor is None or image is None:
            continue
        if strutils.bool_from_string(flavor) != strutils.bool_from_string(image):
            reason = f"the flavor has hw:{name}={flavor}"
            yield Problem(IMAGE, f"hw_{name}", image, reason, Refusal.BAD_REQUEST)


def _of_bandwidth(requested: GuestRequirements) -> Iterator[Problem]:
    """libvirt knows a peak and a burst only beside an average."""
    specs = requested.extra_specs
    for direction in ("inbound", "outbound"):
        average = f"quota:vif_{direction}_average"
        if defaults.number(specs.get(average, "0")):
            continue
        for kind in ("peak", "burst"):
            value = specs.get(key := f"quota:vif_{direction}_{kind}", "0")
            if defaults.number(value):
                reason = f"it needs {average}"
                yield Problem(EXTRA_SPEC, key, value, reason, Refusal.NO_VALID_HOST)


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
