"""The properties of images that Nova defines. All others (``os_version``, the user's own) only
describe an image.
"""

from __future__ import annotations

from nova_mini.guest_options import choices, filters, placement_names, rescue_options
from nova_mini.guest_options.flavor_options import SCHEDULER, TRAIT_NEED
from nova_mini.guest_options.option import (
    GuestRequirements,
    Option,
    Refusal,
    Registry,
    ignored,
    one_of,
    refused,
    supported,
)
from nova_mini.guest_options.shared_options import DISK_ENCRYPTION, LIBVIRT, of_images
from nova_mini.guest_options.value_types import (
    BOOLEAN,
    NOT_NEGATIVE,
    TEXT,
    Choice,
)

API = "API"

_CONFIG_DRIVE = Choice(("optional", "mandatory"))


def _host() -> list[Option]:
    """Properties that the scheduler compares with hosts, each with its older name."""
    names = (
        "hw_architecture",
        "architecture",
        "img_hv_type",
        "hypervisor_type",
        "hw_vm_mode",
        "vm_mode",
        "img_hv_requested_version",
        "hypervisor_version_requires",
    )
    return [
        *(supported(name, TEXT, filters.IMAGE_PROPERTIES) for name in names),
        refused(
            "hw_emulation_architecture",
            TEXT,
            "another architecture than the host's is not emulated",
        ),
        supported(
            "trait:{trait}",
            TRAIT_NEED,
            SCHEDULER,
            parts=(("trait", r".+"),),
            has_name=placement_names.is_trait,
        ),
    ]


def _guest() -> list[Option]:
    return [
        *of_images(),
        refused("hw_rng_model", TEXT, "the only model is virtio", one_of("virtio")),
        supported("hw_video_ram", NOT_NEGATIVE, LIBVIRT),
        supported("hw_input_bus", Choice(choices.INPUT_BUSES), LIBVIRT),
        supported("hw_firmware_stateless", BOOLEAN, LIBVIRT),
        supported("hw_time_hpet", BOOLEAN, LIBVIRT),
        supported("os_secure_boot", Choice(("disabled", "optional", "required")), LIBVIRT),
        supported("img_hide_hypervisor_id", BOOLEAN, LIBVIRT),
        refused("hw_ephemeral_encryption_secret_uuid", TEXT, DISK_ENCRYPTION),
        refused(
            "cinder_encryption_key_id",
            TEXT,
            "direct booting of an image uploaded from an encrypted volume is unsupported",
            refusal=Refusal.BAD_REQUEST,
        ),
        refused(
            "vmware_adaptertype",
            TEXT,
            "name the bus with hw_disk_bus and the controller with hw_scsi_model",
            _has_hw_disk_bus,
        ),
        refused(
            "mappings",
            TEXT,
            "disks are named with block_device_mapping and bdm_v2",
            one_of("", "[]"),
        ),
        supported("os_type", TEXT, LIBVIRT),
        supported("os_admin_user", TEXT, LIBVIRT),
        supported("os_command_line", TEXT, LIBVIRT),
        supported("os_require_quiesce", BOOLEAN, LIBVIRT),
        supported("img_config_drive", _CONFIG_DRIVE, LIBVIRT),
        supported(rescue_options.BUS, TEXT, LIBVIRT, only=choices.DISK_BUSES),
        supported(rescue_options.DEVICE, TEXT, LIBVIRT, only=rescue_options.DEVICES),
        supported("kernel_id", TEXT, LIBVIRT),
        supported("ramdisk_id", TEXT, LIBVIRT),
        supported("auto_disk_config", BOOLEAN, API),
        supported("block_device_mapping", TEXT, API),
        supported("bdm_v2", BOOLEAN, API),
        supported("root_device_name", TEXT, API),
    ]


def _without_effect() -> list[Option]:
    """Properties that Nova defines but that do not change a guest of its libvirt driver."""
    drivers = "belongs to a driver of another hypervisor"
    agent = "belongs to the agent of XenServer"
    signature = "signatures of images are not verified"
    return [
        *(
            ignored(name, TEXT, drivers)
            for name in (
                "hw_disk_type",
                "vmware_disktype",
                "hw_floppy_bus",
                "hw_ipxe_boot",
                "ipxe_boot",
                "hw_device_id",
                "xenapi_device_id",
                "img_linked_clone",
                "vmware_linked_clone",
                "img_version",
                "vmware_image_version",
                "img_bittorrent",
                "bittorrent",
                "img_cache_in_nova",
                "cache_in_nova",
                "img_compression_level",
                "xenapi_image_compression_level",
            )
        ),
        *(
            ignored(name, TEXT, agent)
            for name in (
                "img_use_agent",
                "xenapi_use_agent",
                "os_skip_agent_inject_ssh",
                "xenapi_skip_agent_inject_ssh",
                "os_skip_agent_inject_files_at_boot",
                "xenapi_skip_agent_inject_files_at_boot",
            )
        ),
        *(
            ignored(name, TEXT, signature)
            for name in (
                "img_signature",
                "img_signature_hash_method",
                "img_signature_certificate_uuid",
                "img_signature_key_type",
            )
        ),
        ignored("hw_auto_disk_config", BOOLEAN, "the API reads auto_disk_config"),
        *(
            ignored(name, TEXT, "describes the image")
            for name in ("os_distro", "vmware_ostype", "img_owner_id", "owner_id")
        ),
    ]


def _has_hw_disk_bus(value: str, requested: GuestRequirements) -> bool:
    """The newer property has precedence, as in Nova."""
    return "hw_disk_bus" in requested.image_properties


IMAGE_PROPERTIES = Registry([*_host(), *_guest(), *_without_effect()])

# Identifiers of other objects, which Nova does not count as properties that define a guest.
_IDENTIFIERS = frozenset({"cinder_encryption_key_id", "kernel_id", "ramdisk_id"})
_SHOWN = frozenset(o.key for o in IMAGE_PROPERTIES.options if not o.parts) - _IDENTIFIERS


def is_shown(name: str) -> bool:
    """Whether the API shows the property with a server (2.98): Nova defines it by this name."""
    return name in _SHOWN
