"""Hardware that a flavor or an image requests, seen by libvirt and by the guest's kernel."""

from __future__ import annotations

import libvirt
import pytest
from lxml import etree

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.guest_options import choices
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.network_model import NetworkInfo
from nova_mini.virt.libvirt import utils
from tests import servers
from tests.integration.libvirt import cloud
from tests.integration.libvirt.test_interfaces import bridge_vif

UEFI = {"hw_firmware_type": "uefi"}
SECURE = {**UEFI, "os_secure_boot": "required", "hw_machine_type": "q35"}


def make(driver, properties, extra_specs=None, vifs=(), **flavor):
    """A server that boots the kernel of the guest's image."""
    stored = {f"image_{name}": value for name, value in properties.items()}
    flavor = servers.make_flavor(**{"memory_mb": 192, "extra_specs": extra_specs or {}, **flavor})
    instance = servers.make_instance(
        flavor, kernel_id=cloud.KERNEL, ramdisk_id=cloud.RAMDISK, system_metadata=stored
    )
    image_meta = ImageMeta.from_instance(instance)
    driver.spawn(None, instance, image_meta, [], None, NetworkInfo(vifs), None)
    return instance


def definition(driver, instance) -> etree._Element:
    return etree.fromstring(driver._host.get_guest(instance).get_definition())


@pytest.fixture
def uefi_driver(driver):
    if not driver._host.capabilities.firmware.secure_boot:
        pytest.skip("the host has no package with UEFI firmware (ovmf)")
    assert "COMPUTE_SECURITY_UEFI_SECURE_BOOT" in driver.get_available_resource().traits
    return driver


def test_a_guest_boots_with_uefi_and_keeps_its_variables(uefi_driver, console):
    instance = make(uefi_driver, UEFI)
    output = console(instance, "GUEST: ready", timeout=300)
    assert "EDK II" in output
    assert "Secure boot enabled" not in output
    nvram = utils.get_instance_path(instance, "nvram.fd")
    xml = definition(uefi_driver, instance)
    assert xml.findtext("os/nvram") == str(nvram)
    assert nvram.stat().st_mode & 0o077 == 0
    uefi_driver.power_off(instance)
    with open(nvram, "r+b") as stream:
        stream.seek(-1, 2)
        stream.write(b"\x5a")
    uefi_driver.reboot(None, instance, NetworkInfo(), "HARD")
    assert nvram.read_bytes()[-1:] == b"\x5a", "a reboot made the variables anew"
    uefi_driver.destroy(None, instance)
    assert not nvram.parent.exists()


def test_the_kernel_of_a_guest_sees_secure_boot(uefi_driver, console):
    instance = make(uefi_driver, SECURE, memory_mb=512)
    xml = definition(uefi_driver, instance)
    assert xml.find("os/loader").get("secure") == "yes"
    assert xml.find("features/smm").get("state") == "on"
    assert utils.get_instance_path(instance, "nvram.secure.fd").exists()
    assert "Secure boot enabled" in console(instance, "GUEST: ready", timeout=300)


def test_secure_boot_needs_a_suitable_machine(uefi_driver):
    with pytest.raises(exception.HypervisorError, match="machine type q35"):
        make(uefi_driver, {**SECURE, "hw_machine_type": "pc"})


def test_an_interface_has_a_queue_for_each_vcpu(driver, console):
    properties = {"hw_vif_multiqueue_enabled": "true", "hw_virtio_packed_ring": "true"}
    vif = bridge_vif()
    instance = make(driver, properties, vifs=[vif], vcpus=2)
    console(instance, f"mac={vif.address}")
    attributes = definition(driver, instance).find("devices/interface/driver").attrib
    assert (attributes["queues"], attributes["packed"]) == ("2", "on")


def test_devices_timers_and_memory_of_the_image(driver, console):
    CONF.set_override("enabled", True, group="vnc")
    CONF.set_override("cpu_mode", "custom", group="libvirt")
    CONF.set_override("cpu_models", ["qemu64"], group="libvirt")
    CONF.set_override("cpu_model_extra_flags", ["+pni", "-sse4a"], group="libvirt")
    properties = {
        "hw_time_hpet": "true",
        "hw_pmu": "false",
        "hw_serial_port_count": "3",
        "hw_sound_model": "ich9",
        "hw_usb_model": "qemu-xhci",
        "hw_input_bus": "virtio",
        "hw_video_ram": "32",
        "img_hide_hypervisor_id": "true",
    }
    instance = make(driver, properties, {"hw_video:ram_max_mb": "32"})
    output = console(instance, "GUEST: ready")
    assert "hpet" in output
    assert "ttyS2 at" in output
    xml = definition(driver, instance)
    assert len(xml.findall("devices/serial")) == 3
    assert xml.find("devices/video/model").get("vram") == "32768"
    assert xml.find("devices/sound").get("model") == "ich9"
    assert xml.find("devices/controller[@type='usb']").get("model") == "qemu-xhci"


@pytest.mark.parametrize("model", choices.USB_MODELS)
def test_qemu_has_every_usb_controller(driver, model):
    start_bare(driver, f"<controller type='usb' index='0' model='{model}'/>")


@pytest.mark.parametrize("model", choices.SOUND_MODELS)
def test_qemu_has_every_sound_device(driver, model):
    start_bare(driver, f"<sound model='{model}'/>")


def start_bare(driver, device: str) -> None:
    """Start a guest that has only this device, and stop it."""
    xml = (
        "<domain type='qemu'><name>bare</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>"
        f"<os><type>hvm</type></os><devices>{device}</devices></domain>"
    )
    conn = driver._host.get_connection()
    conn.createXML(xml, libvirt.VIR_DOMAIN_START_PAUSED).destroy()
