"""Options that flavors have as ``hw:NAME`` and images as ``hw_NAME``.

The tables hold each once; ``of_flavors`` and ``of_images`` make its two keys.
"""

from __future__ import annotations

import dataclasses

from nova_mini.guest_options import choices, defaults, filters, vtpm
from nova_mini.guest_options.option import Option, ignored, one_of, refused, supported
from nova_mini.guest_options.value_types import (
    BOOLEAN,
    CPUS,
    NOT_NEGATIVE,
    PAGE_SIZE,
    POSITIVE,
    TEXT,
    Choice,
    Integer,
)

LIBVIRT = "libvirt driver"

MEMORY_ENCRYPTION = "memory encryption is not supported"
PCI = "PCI passthrough is not supported"
DISK_ENCRYPTION = "encryption of local disks is not supported"
TOPOLOGY_LIMIT = "limits do not choose the CPU topology; request sockets, cores and threads"

_NUMBER = (("number", r"\d+"),)
_ENCRYPTION_MODELS = ("amd-sev", "amd-sev-es", "amd-sev-snp", "intel-tdx")
_SOUND_MODELS = ("sb16", "es1370", "pcspk", "ac97", "ich6", "ich9", "usb", "virtio")
_USB_MODELS = (
    "piix3-uhci",
    "piix4-uhci",
    "ehci",
    "ich9-ehci1",
    "ich9-uhci1",
    "ich9-uhci2",
    "ich9-uhci3",
    "vt82c686b-uhci",
    "pci-ohci",
    "nec-xhci",
    "qusb1",
    "qusb2",
    "qemu-xhci",
    "none",
)

# Nova defines both keys.
_BOTH = [
    supported("cpu_sockets", POSITIVE, LIBVIRT),
    supported("cpu_cores", POSITIVE, LIBVIRT),
    supported("cpu_threads", POSITIVE, LIBVIRT),
    refused("cpu_max_sockets", POSITIVE, TOPOLOGY_LIMIT, defaults.topology_within("sockets")),
    refused("cpu_max_cores", POSITIVE, TOPOLOGY_LIMIT, defaults.topology_within("cores")),
    refused("cpu_max_threads", POSITIVE, TOPOLOGY_LIMIT, defaults.topology_within("threads")),
    supported("cpu_policy", Choice(("dedicated", "shared", "mixed")), filters.NUMA),
    supported("cpu_thread_policy", Choice(("prefer", "isolate", "require")), filters.NUMA),
    ignored("cpu_realtime_mask", CPUS, "names the CPUs for hw:cpu_realtime"),
    supported("mem_page_size", PAGE_SIZE, filters.NUMA),
    refused("locked_memory", BOOLEAN, "locked memory is not supported", defaults.off),
    supported("numa_nodes", POSITIVE, filters.NUMA),
    supported("numa_cpus.{number}", CPUS, filters.NUMA, parts=_NUMBER),
    supported("numa_mem.{number}", POSITIVE, filters.NUMA, parts=_NUMBER),
    refused(
        "pci_numa_affinity_policy",
        Choice(("required", "preferred", "legacy", "socket")),
        PCI,
        one_of("legacy", "preferred"),
    ),
    supported("boot_menu", BOOLEAN, LIBVIRT),
    supported("vif_multiqueue_enabled", BOOLEAN, LIBVIRT),
    refused("mem_encryption", BOOLEAN, MEMORY_ENCRYPTION, defaults.off),
    ignored(
        "mem_encryption_model",
        Choice(_ENCRYPTION_MODELS),
        "selects the method for hw:mem_encryption",
    ),
    supported("pmu", BOOLEAN, LIBVIRT),
    supported(
        "serial_port_count",
        NOT_NEGATIVE,
        LIBVIRT,
        is_default=defaults.at_most(choices.SERIAL_PORTS),
        reason=f"a guest has at most {choices.SERIAL_PORTS} serial ports",
    ),
    supported("tpm_model", Choice(vtpm.MODELS), LIBVIRT),
    supported("tpm_version", Choice(vtpm.VERSIONS), LIBVIRT),
    supported("watchdog_action", Choice(choices.WATCHDOG_ACTIONS), LIBVIRT),
    refused(
        "viommu_model",
        Choice(("intel", "smmuv3", "virtio", "auto")),
        "virtual IOMMU devices are not supported",
    ),
    supported("virtio_packed_ring", BOOLEAN, LIBVIRT),
    supported("sound_model", Choice(_SOUND_MODELS), LIBVIRT, only=choices.SOUND_MODELS),
    supported("usb_model", Choice(_USB_MODELS), LIBVIRT, only=choices.USB_MODELS),
    refused(
        "redirected_usb_ports",
        Integer(0, 15),
        "redirected USB ports are not supported",
        defaults.zero,
    ),
    refused("ephemeral_encryption", BOOLEAN, DISK_ENCRYPTION, defaults.off),
    ignored(
        "ephemeral_encryption_format",
        Choice(("plain", "luks", "luksv2")),
        "selects the format for hw:ephemeral_encryption",
    ),
]

# Nova defines these only as image properties; the last two also as extra specs that its API does
# not validate. The libvirt driver of nova_mini reads both keys of all.
_MAINLY_OF_IMAGES = [
    supported("disk_bus", TEXT, LIBVIRT, only=choices.DISK_BUSES),
    supported("cdrom_bus", TEXT, LIBVIRT, only=choices.DISK_BUSES),
    supported("vif_model", TEXT, LIBVIRT, only=choices.VIF_MODELS),
    supported("video_model", TEXT, LIBVIRT, only=choices.VIDEO_MODELS),
    supported("scsi_model", TEXT, LIBVIRT, only=choices.SCSI_MODELS),
    supported("pointer_model", TEXT, LIBVIRT, only=choices.POINTER_MODELS),
    supported("machine_type", TEXT, LIBVIRT),
    supported("qemu_guest_agent", BOOLEAN, LIBVIRT),
    supported("firmware_type", TEXT, LIBVIRT, only=choices.FIRMWARE_TYPES),
    refused(
        "maxphysaddr_mode",
        Choice(("emulate", "passthrough")),
        "the size of physical addresses is the hypervisor's choice",
    ),
    ignored("maxphysaddr_bits", POSITIVE, "belongs to hw:maxphysaddr_mode"),
]


def of_flavors() -> list[Option]:
    return [
        *(_named("hw:", option) for option in _BOTH),
        *(_named("hw:", option, is_validated=False) for option in _MAINLY_OF_IMAGES),
    ]


def of_images() -> list[Option]:
    return [_named("hw_", option) for option in (*_BOTH, *_MAINLY_OF_IMAGES)]


def _named(prefix: str, option: Option, **changes) -> Option:
    return dataclasses.replace(option, key=prefix + option.key, **changes)
