"""Options that are supported one by one, but not together."""

from __future__ import annotations

from collections.abc import Iterator

from oslo_utils import strutils

from nova_mini.guest_options import choices, defaults, firmware, vtpm
from nova_mini.guest_options.option import EXTRA_SPEC, GuestRequirements, Problem, Refusal
from nova_mini.guest_options.option import IMAGE_PROPERTY as IMAGE
from nova_mini.numa.request import InvalidTopology, topology_of

# Options for which a flavor and an image must not say different things.
_SWITCHES = ("vif_multiqueue_enabled", "virtio_packed_ring", "pmu")
_CHOICES = ("sound_model", "usb_model")


def find(requested: GuestRequirements) -> Iterator[Problem]:
    """The conflicts between the options of a server; all values are valid."""
    yield from _of_pairs(requested)
    yield from _of_firmware(requested)
    yield from _of_tpm(requested)
    yield from _of_bandwidth(requested)
    yield from _of_serial_ports(requested)
    yield from _of_video_memory(requested)
    yield from _of_usb(requested)
    yield from _of_numa(requested)


def _of_numa(requested: GuestRequirements) -> Iterator[Problem]:
    """NUMA nodes, policies of CPUs and sizes of pages that contradict each other."""
    specs, properties = requested.extra_specs, requested.image_properties
    try:
        topology_of(specs, properties, requested.vcpus, requested.memory_mb)
    except InvalidTopology as exc:
        kind, values = (IMAGE, properties) if exc.is_of_image else (EXTRA_SPEC, specs)
        value = values.get(exc.key, "")
        yield Problem(kind, exc.key, value, str(exc), Refusal.BAD_REQUEST)


def _of_pairs(requested: GuestRequirements) -> Iterator[Problem]:
    for name in (*_SWITCHES, *_CHOICES):
        flavor = requested.extra_specs.get(f"hw:{name}")
        image = requested.image_properties.get(f"hw_{name}")
        if flavor is None or image is None:
            continue
        read = strutils.bool_from_string if name in _SWITCHES else str
        if read(flavor) != read(image):
            reason = f"the flavor has hw:{name}={flavor}"
            yield Problem(IMAGE, f"hw_{name}", image, reason, Refusal.BAD_REQUEST)


def _of_tpm(requested: GuestRequirements) -> Iterator[Problem]:
    """Nova leaves these to the scheduler."""
    specs, properties = requested.extra_specs, requested.image_properties
    for name in ("tpm_version", "tpm_model"):
        flavor, image = specs.get(f"hw:{name}"), properties.get(f"hw_{name}")
        if flavor and image and flavor != image:
            reason = f"the flavor has hw:{name}={flavor}"
            yield Problem(IMAGE, f"hw_{name}", image, reason, Refusal.NO_VALID_HOST)
    tpm = vtpm.of(requested)
    if tpm and tpm.model == vtpm.CRB and tpm.version != vtpm.VERSION_2_0:
        is_of_flavor = bool(specs.get("hw:tpm_model"))
        kind, key = (EXTRA_SPEC, "hw:tpm_model") if is_of_flavor else (IMAGE, "hw_tpm_model")
        reason = f"it needs version {vtpm.VERSION_2_0}"
        yield Problem(kind, key, tpm.model, reason, Refusal.NO_VALID_HOST)


def _of_serial_ports(requested: GuestRequirements) -> Iterator[Problem]:
    """An image may have fewer ports than its flavor."""
    flavor = requested.extra_specs.get("hw:serial_port_count")
    image = requested.image_properties.get("hw_serial_port_count")
    if flavor is None or image is None:
        return
    if (defaults.number(image) or 0) > (defaults.number(flavor) or 0):
        reason = f"the flavor has hw:serial_port_count={flavor}"
        yield Problem(IMAGE, "hw_serial_port_count", image, reason, Refusal.BAD_REQUEST)


def _of_video_memory(requested: GuestRequirements) -> Iterator[Problem]:
    """The flavor permits video memory; without a limit it permits none."""
    text = requested.image_properties.get("hw_video_ram", "0")
    wanted = defaults.number(text) or 0
    limit = defaults.number(requested.extra_specs.get("hw_video:ram_max_mb", "0")) or 0
    model = requested.hardware("video_model") or "vga"
    reason = None
    if wanted > limit:
        reason = f"the flavor has hw_video:ram_max_mb={limit}"
    elif wanted and model not in choices.VIDEO_RAM_MODELS:
        reason = f"a video device {model} has no memory that can be chosen"
    if reason:
        yield Problem(IMAGE, "hw_video_ram", text, reason, Refusal.NO_VALID_HOST)


def _of_usb(requested: GuestRequirements) -> Iterator[Problem]:
    """Devices on a bus that is switched off."""
    if requested.hardware("usb_model") != "none":
        return
    properties = requested.image_properties
    users = {
        "hw_disk_bus": requested.hardware("disk_bus"),
        "hw_cdrom_bus": requested.hardware("cdrom_bus"),
        "hw_sound_model": requested.hardware("sound_model"),
        "hw_input_bus": properties.get("hw_input_bus"),
        "hw_pointer_model": (requested.hardware("pointer_model") or "")[:3],
    }
    has_own_bus = properties.get("hw_input_bus") == "virtio"
    for key, value in users.items():
        if value == "usb" and not (key == "hw_pointer_model" and has_own_bus):
            reason = "hw_usb_model=none leaves no USB bus"
            yield Problem(IMAGE, key, value, reason, Refusal.NO_VALID_HOST)


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
