"""The domain says what the flavor, the image and the configuration ask for."""

import pytest
from lxml import etree

from nova_mini import exception
from nova_mini.network.model import NetworkInfo
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.virt.libvirt import blockinfo
from nova_mini.virt.libvirt.config import NOVA_NS, DomainDevices
from nova_mini.virt.libvirt.guest_config import GuestConfigBuilder
from nova_mini.virt.libvirt.host import Capabilities
from nova_mini.virt.libvirt.imagebackend import Backend
from nova_mini.virt.libvirt.vif import LibvirtGenericVIFDriver
from tests import servers

CAPABILITIES = Capabilities(
    arch="x86_64", cpu={}, guests=[], machines=frozenset({"pc", "q35", "pc-i440fx-7.2"})
)


def domain(instance=None, vifs=(), images_type="qcow2", **properties) -> etree._Element:
    """The parsed XML of a server."""
    return etree.fromstring(domain_xml(instance, vifs, images_type, **properties))


def domain_xml(instance=None, vifs=(), images_type="qcow2", **properties) -> str:
    instance = instance or servers.make_instance()
    image_meta = ImageMeta(disk_format="raw", properties=properties)
    disk_info = blockinfo.get_disk_info("x86_64", instance, image_meta, None)
    builder = GuestConfigBuilder(CAPABILITIES, Backend(images_type), LibvirtGenericVIFDriver())
    return builder.get_guest_config(instance, NetworkInfo(vifs), image_meta, disk_info).to_xml()


def flavored(**extra_specs) -> servers.Instance:
    specs = {name.replace("__", ":"): value for name, value in extra_specs.items()}
    return servers.make_instance(servers.make_flavor(vcpus=4, extra_specs=specs))


def test_identity_and_size():
    instance = servers.make_instance(id=0x2A)
    xml = domain(instance)
    assert xml.findtext("uuid") == instance.uuid
    assert xml.findtext("name") == "instance-0000002a"
    assert (xml.findtext("memory"), xml.find("memory").get("unit")) == ("96", "MiB")
    assert xml.findtext("vcpu") == "1"
    entries = {node.get("name"): node.text for node in xml.iter("entry")}
    assert entries["serial"] == entries["uuid"] == instance.uuid
    assert xml.find("os/smbios").get("mode") == "sysinfo"
    owner = xml.find(f"metadata/{{{NOVA_NS}}}instance/{{{NOVA_NS}}}owner/{{{NOVA_NS}}}project")
    assert owner.get("uuid") == "project"


def test_no_value_of_a_user_breaks_out_of_its_place():
    evil = "</nova:name><devices/>&\"'"
    instance = servers.make_instance(display_name=evil, kernel_id="kernel")
    xml = domain(instance, os_command_line=evil)
    assert xml.findtext(f"metadata/{{{NOVA_NS}}}instance/{{{NOVA_NS}}}name") == evil
    assert xml.findtext("os/cmdline") == evil
    assert len(xml.findall("devices")) == 1


@pytest.mark.parametrize(
    ("virt_type", "mode", "expected"),
    [
        ("kvm", None, "host-model"),
        ("qemu", None, None),
        ("kvm", "host-passthrough", "host-passthrough"),
        ("qemu", "none", None),
    ],
)
def test_cpu_mode(override, virt_type, mode, expected):
    override("virt_type", virt_type, "libvirt")
    override("cpu_mode", mode, "libvirt")
    xml = domain()
    assert xml.get("type") == virt_type
    assert xml.find("cpu").get("mode") == expected


def test_a_custom_cpu_has_its_model(override):
    override("cpu_mode", "custom", "libvirt")
    override("cpu_model", "Nehalem", "libvirt")
    assert domain().findtext("cpu/model") == "Nehalem"


def test_cpu_topology():
    topology = domain(flavored(hw__cpu_cores="2")).find("cpu/topology")
    assert dict(topology.attrib) == {"sockets": "2", "cores": "2", "threads": "1"}
    with pytest.raises(exception.UnsupportedHardware, match="4 vcpus"):
        domain(flavored(hw__cpu_sockets="3"))


def test_limits_of_the_flavor():
    xml = domain(flavored(quota__cpu_shares="512", quota__disk_total_bytes_sec="1000000"))
    assert xml.findtext("cputune/shares") == "512"
    assert xml.findtext("devices/disk/iotune/total_bytes_sec") == "1000000"
    with pytest.raises(exception.UnsupportedHardware, match="quota:cpu_shares"):
        domain(flavored(quota__cpu_shares="many"))


def test_a_limit_cannot_be_set_by_the_image():
    assert domain(**{"quota:cpu_shares": "9999"}).find("cputune") is None


@pytest.mark.parametrize(("virt_type", "expected"), [("qemu", "32"), ("kvm", None)])
def test_the_translation_cache_is_for_emulated_guests(override, virt_type, expected):
    override("virt_type", virt_type, "libvirt")
    override("tb_cache_size", 32, "libvirt")
    assert domain().findtext("features/tcg/tb-cache") == expected


def test_the_console_is_logged_and_the_log_survives_restarts():
    instance = servers.make_instance()
    log = domain(instance).find("devices/serial/log")
    assert log.get("file").endswith(f"{instance.uuid}/console.log")
    assert log.get("append") == "on"


def test_the_screen_is_on_loopback_or_not_there(override):
    assert domain().find("devices/graphics/listen").get("address") == "127.0.0.1"
    override("enabled", False, "vnc")
    xml = domain()
    assert xml.find("devices/graphics") is None
    assert xml.find("devices/video") is None


def test_helper_devices(override):
    override("mem_stats_period_seconds", 7, "libvirt")
    xml = domain(hw_qemu_guest_agent="yes", hw_watchdog_action="reset")
    assert xml.find("devices/memballoon/stats").get("period") == "7"
    assert xml.findtext("devices/rng/backend") == "/dev/urandom"
    assert xml.find("devices/channel/target").get("name") == "org.qemu.guest_agent.0"
    assert xml.find("devices/watchdog").get("action") == "reset"


def test_what_was_not_asked_for_is_not_there():
    xml = domain(flavored(hw_rng__allowed="False"))
    for path in ("rng", "channel", "watchdog", "input"):
        assert xml.find(f"devices/{path}") is None
    assert xml.find("devices/controller[@type='usb']").get("model") == "none"


def test_a_tablet_needs_a_usb_controller():
    xml = domain(hw_pointer_model="usbtablet")
    assert xml.find("devices/input").get("type") == "tablet"
    assert xml.find("devices/controller[@type='usb']") is None


def test_scsi_disks_get_a_virtio_controller():
    xml = domain(hw_disk_bus="scsi")
    assert xml.find("devices/controller[@type='scsi']").get("model") == "virtio-scsi"


def test_a_q35_machine_has_ports_to_plug_into():
    xml = domain(hw_machine_type="q35")
    assert xml.find("os/type").get("machine") == "q35"
    ports = xml.findall("devices/controller[@model='pcie-root-port']")
    assert [port.get("index") for port in ports] == [str(i) for i in range(1, 17)]


def test_a_machine_that_the_host_lacks_is_for_another_host():
    with pytest.raises(exception.HypervisorError, match="no machine type 'abacus'"):
        domain(hw_machine_type="abacus")


def test_the_operators_machine_type(override):
    override("hw_machine_type", {"x86_64": "pc-i440fx-7.2"}, "libvirt")
    assert domain().find("os/type").get("machine") == "pc-i440fx-7.2"


@pytest.mark.parametrize(
    "wrong",
    [
        {"hw_vif_model": "fast"},
        {"hw_video_model": "4k"},
        {"hw_firmware_type": "uefi"},
        {"hw_cpu_cores": "-1"},
        {"hw_scsi_model": "x"},
    ],
)
def test_hardware_that_is_not_to_be_had_is_refused(wrong):
    with pytest.raises(exception.UnsupportedHardware):
        domain(vifs=[servers.make_vif()], hw_disk_bus="scsi", **wrong)


def test_disks_are_read_back():
    instance = servers.make_instance(servers.make_flavor(swap=8), config_drive="True")
    disks = DomainDevices.parse_str(domain_xml(instance, images_type="raw")).disks
    assert [(disk.target_dev, disk.source_device, disk.driver_format) for disk in disks] == [
        ("vda", "disk", "raw"),
        ("vdb", "disk", "raw"),
        ("hda", "cdrom", "raw"),
    ]
    assert disks[0].source_path.endswith(f"{instance.uuid}/disk")


def test_interfaces_are_read_back():
    vif = servers.make_vif()
    (found,) = DomainDevices.parse_str(domain_xml(vifs=[vif])).interfaces
    assert (found.mac_addr, found.target_dev) == (vif.address, vif.devname)
