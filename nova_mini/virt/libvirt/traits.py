"""The traits of a libvirt host, by the names of os-traits: what its guests can have."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import libvirt
import os_traits
from lxml import etree

from nova_mini.conf import CONF
from nova_mini.guest_options import choices, implied_traits
from nova_mini.virt.driver.host_information import COMMON_TRAITS
from nova_mini.virt.libvirt import cpu_models, guest_cpu, vtpm
from nova_mini.virt.libvirt.firmware import Firmware
from nova_mini.virt.libvirt.host import Capabilities, Host

LOG = logging.getLogger(__name__)

# What the methods of this driver do.
_OF_THE_DRIVER = frozenset(
    {
        os_traits.COMPUTE_DEVICE_TAGGING,
        os_traits.COMPUTE_NET_ATTACH_INTERFACE_WITH_TAG,
        os_traits.COMPUTE_NET_VIRTIO_PACKED,
        os_traits.COMPUTE_RESCUE_BFV,
        os_traits.COMPUTE_VOLUME_ATTACH,
        os_traits.COMPUTE_VOLUME_ATTACH_WITH_TAG,
        os_traits.COMPUTE_VOLUME_EXTEND,
        os_traits.COMPUTE_VOLUME_MULTI_ATTACH,
        *(f"COMPUTE_IMAGE_TYPE_{name}" for name in ("AKI", "AMI", "ARI", "ISO", "QCOW2", "RAW")),
        *(f"COMPUTE_IMAGE_TYPE_{name}" for name in ("VDI", "VHD", "VHDX", "VMDK")),
    }
)
_DEFAULT_MODELS = {"x86_64": "qemu64"}  # QEMU's own, for cpu_mode=none


def of_host(host: Host) -> list[str]:
    """The traits that this host reports, sorted. Raises HypervisorUnavailable."""
    capabilities = host.capabilities
    domain = _domain_capabilities(host)
    found = COMMON_TRAITS | _OF_THE_DRIVER | _of_architecture(capabilities)
    found |= _of_live_migration()
    found |= _of_firmware(capabilities.firmware)
    found |= _named("COMPUTE_NET_VIF_MODEL", choices.VIF_MODELS)
    found |= _named("COMPUTE_SOUND_MODEL", choices.SOUND_MODELS)
    found |= _named("COMPUTE_USB_MODEL", choices.USB_MODELS)
    if domain is not None:
        found |= _of_devices(domain)
        found |= _of_tpms(domain)
        found |= {
            trait for name in _cpu_features(host, domain) for trait in cpu_models.traits_of(name)
        }
    return sorted(found)


def _domain_capabilities(host: Host) -> etree._Element | None:
    """What guests of the configured virt_type can have; None where libvirt does not say it."""
    arch, virt_type = host.capabilities.arch, CONF.libvirt.virt_type
    try:
        return etree.fromstring(
            host.get_connection().getDomainCapabilities(None, arch, None, virt_type)
        )
    except libvirt.libvirtError as exc:
        LOG.warning("Traits of CPU and devices: could not read them from libvirt: %s", exc)
        return None


def _of_architecture(capabilities: Capabilities) -> set[str]:
    found = _named("HW_ARCH", [capabilities.arch]) | _named("COMPUTE_ARCH", [capabilities.arch])
    if capabilities.cpu["topology"].get("threads", 1) > 1:
        found.add(os_traits.HW_CPU_HYPERTHREADING)
    return found


def _of_firmware(firmware: Firmware) -> set[str]:
    found = {
        os_traits.COMPUTE_FIRMWARE_BIOS: True,
        os_traits.COMPUTE_FIRMWARE_UEFI: firmware.uefi,
        os_traits.COMPUTE_SECURITY_UEFI_SECURE_BOOT: firmware.secure_boot,
        os_traits.COMPUTE_SECURITY_STATELESS_FIRMWARE: firmware.stateless,
    }
    return {name for name, is_there in found.items() if is_there}


def _of_devices(domain: etree._Element) -> set[str]:
    buses = _values(domain, "devices/disk/enum[@name='bus']").intersection(choices.DISK_BUSES)
    models = _values(domain, "devices/video/enum[@name='modelType']").intersection(
        choices.VIDEO_MODELS
    )
    return _named("COMPUTE_STORAGE_BUS", buses) | _named("COMPUTE_GRAPHICS_MODEL", models)


def _of_tpms(domain: etree._Element) -> set[str]:
    """None if any part is missing that every virtual TPM needs."""
    versions, models = vtpm.offered(domain)
    if not (CONF.libvirt.swtpm_enabled and versions and models):
        return set()
    found = {trait for name, trait in implied_traits.TPM_VERSIONS.items() if name in versions}
    found |= {trait for name, trait in implied_traits.TPM_MODELS.items() if name in models}
    return found | {implied_traits.TPM_OWNER}


def _of_live_migration() -> set[str]:
    """How a live migration from this host can be completed, as the administrator permits it."""
    if CONF.libvirt.live_migration_permit_post_copy:
        return {os_traits.COMPUTE_MIGRATE_POST_COPY}
    if CONF.libvirt.live_migration_permit_auto_converge:
        return {os_traits.COMPUTE_MIGRATE_AUTO_CONVERGE}
    return set()


def _values(domain: etree._Element, path: str) -> set[str]:
    return {node.text for node in domain.iterfind(f"{path}/value")}


def _cpu_features(host: Host, domain: etree._Element) -> set[str]:
    """libvirt's names of the features that the CPU of a guest can have, as it is configured. Of
    several models, a guest gets one that has what it requires."""
    mode, arch = guest_cpu.mode(), host.capabilities.arch
    flags = guest_cpu.extra_flags()
    required = [name for name, policy in flags.items() if policy == "require"]
    disabled = {name for name, policy in flags.items() if policy == "disable"}
    models = guest_cpu.models() if mode == "custom" else _default_model(arch)
    if mode in ("host-model", "host-passthrough"):
        node = domain.find("cpu/mode[@name='host-model'][@supported='yes']")
        if node is None:
            return set()
        models = [node.findtext("model") or ""]
        required += node.xpath("feature[@policy='require']/@name")
        disabled |= set(node.xpath("feature[@policy='disable']/@name"))
    conn = host.get_connection()
    found = [cpu_models.expand(conn, arch, model, required) for model in models if model]
    return set().union(*found) - disabled


def _default_model(arch: str) -> list[str]:
    return [_DEFAULT_MODELS[arch]] if arch in _DEFAULT_MODELS else []


def _named(prefix: str, names: Iterable[str]) -> set[str]:
    """``COMPUTE_STORAGE_BUS``, [``virtio``] -> {COMPUTE_STORAGE_BUS_VIRTIO}, where it exists."""
    found = {f"{prefix}_{name.upper().replace('-', '_')}" for name in names}
    return found & cpu_models.standard_traits()
