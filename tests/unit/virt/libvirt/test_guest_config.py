"""The domain has what the flavor, the image and the configuration request."""

import uuid

import pytest
from lxml import etree

from nova_mini import exception
from nova_mini.guest_options.flavor_options import EXTRA_SPECS
from nova_mini.guest_options.image_options import IMAGE_PROPERTIES
from nova_mini.guest_options.shared_options import LIBVIRT
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.network_model import NetworkInfo
from nova_mini.virt.libvirt import blockinfo, host_serial
from nova_mini.virt.libvirt.config import DomainDevices, LibvirtConfigGuest
from nova_mini.virt.libvirt.config_metadata import NOVA_NS
from nova_mini.virt.libvirt.firmware import Firmware
from nova_mini.virt.libvirt.guest_config import GuestConfigBuilder
from nova_mini.virt.libvirt.host import Capabilities
from nova_mini.virt.libvirt.imagebackend.file import Backend
from nova_mini.virt.libvirt.serial_ports import SerialPorts
from nova_mini.virt.libvirt.vif import LibvirtGenericVIFDriver
from tests import servers
from tests.unit.virt.libvirt.guests_of_host import GuestsOfHost

CAPABILITIES = Capabilities(
    arch="x86_64",
    cpu={},
    guests=[],
    machines=frozenset({"pc", "q35", "pc-i440fx-7.2"}),
    firmware=Firmware(uefi=True, secure_boot=True, stateless=True),
    host_uuid="f0e1d2c3-0000-0000-0000-000000000001",
    model_traits={
        "Nehalem": frozenset(),
        "Haswell": frozenset({"HW_CPU_X86_AVX2"}),
        "EPYC": frozenset({"HW_CPU_X86_AVX2", "HW_CPU_X86_SVM"}),
    },
)


def domain(instance=None, vifs=(), images_type="qcow2", **properties) -> etree._Element:
    """The parsed XML of a server."""
    return etree.fromstring(domain_xml(instance, vifs, images_type, **properties))


def domain_xml(instance=None, vifs=(), images_type="qcow2", **properties) -> str:
    return guest_config(instance, vifs, images_type, **properties).to_xml()


def guest_config(instance=None, vifs=(), images_type="qcow2", **properties) -> LibvirtConfigGuest:
    instance = instance or servers.make_instance()
    image_meta = ImageMeta(disk_format="raw", properties=properties)
    disk_info = blockinfo.get_disk_info(
        "x86_64", instance, image_meta, blockinfo.disks_of_flavor(instance)
    )
    builder = GuestConfigBuilder(
        CAPABILITIES, Backend(images_type), LibvirtGenericVIFDriver(), SerialPorts(GuestsOfHost())
    )
    return builder.get_guest_config(instance, NetworkInfo(vifs), image_meta, disk_info)


def flavored(**extra_specs) -> servers.Instance:
    specs = {name.replace("__", ":"): value for name, value in extra_specs.items()}
    return servers.make_instance(servers.make_flavor(vcpus=4, extra_specs=specs))


def test_name_uuid_memory_and_vcpus():
    instance = servers.make_instance(id=0x2A)
    xml = domain(instance)
    assert xml.findtext("uuid") == instance.uuid
    assert xml.findtext("name") == "instance-0000002a"
    assert (xml.findtext("memory"), xml.find("memory").get("unit")) == ("96", "MiB")
    assert xml.findtext("vcpu") == "1"
    entries = {node.get("name"): node.text for node in xml.iter("entry")}
    assert entries["serial"] == entries["uuid"] == instance.uuid
    assert xml.find("os/smbios").get("mode") == "sysinfo"


def test_smbios_tables_name_openstack():
    """cloud-init's ds-identify compares the product's name with "OpenStack Nova"."""
    entries = {node.get("name"): node.text for node in domain().iter("entry")}
    assert entries["product"] == "OpenStack Nova"
    assert entries["manufacturer"] == "OpenStack Foundation"
    assert entries["family"] == "Virtual Machine"


def test_values_of_users_are_escaped():
    evil = "</nova:name><devices/>&\"'"
    instance = servers.make_instance(display_name=evil, kernel_id="kernel")
    xml = domain(instance, os_command_line=evil)
    assert xml.findtext(f"metadata/{{{NOVA_NS}}}instance/{{{NOVA_NS}}}name") == evil
    assert xml.findtext("os/cmdline") == evil
    assert len(xml.findall("devices")) == 1


@pytest.mark.parametrize("text", ["a\0b", "a\x1bb", "\ufffe", "\ud800"])
def test_a_text_that_xml_cannot_hold_is_an_invalid_request(text):
    instance = servers.make_instance(kernel_id="kernel")
    with pytest.raises(exception.Invalid, match="control characters"):
        domain(instance, os_command_line=text)


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
    override("cpu_models", ["Nehalem"], "libvirt")
    override("cpu_model_extra_flags", ["+PCID", "-aes", "x2apic"], "libvirt")
    xml = domain()
    assert xml.findtext("cpu/model") == "Nehalem"
    features = {node.get("name"): node.get("policy") for node in xml.iterfind("cpu/feature")}
    assert features == {"pcid": "require", "aes": "disable", "x2apic": "require"}


def test_a_guest_has_the_first_model_with_the_features_that_it_requires(override):
    override("cpu_mode", "custom", "libvirt")
    override("cpu_models", ["Nehalem", "Haswell", "EPYC"], "libvirt")

    def model(**traits) -> str:
        specs = {f"trait__HW_CPU_X86_{name}": value for name, value in traits.items()}
        return domain(flavored(**specs)).findtext("cpu/model")

    assert model() == "Nehalem"
    assert model(AVX2="required") == "Haswell"
    assert model(AVX2="required", SVM="required") == "EPYC"
    with pytest.raises(exception.HypervisorError, match="AVX512F"):
        model(AVX512F="required")


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


def test_the_console_log_is_appended_across_restarts():
    instance = servers.make_instance()
    log = domain(instance).find("devices/serial/log")
    assert log.get("file").endswith(f"{instance.uuid}/console.log")
    assert log.get("append") == "on"


def test_no_vnc_server_listens_unless_it_is_enabled():
    xml = domain()
    assert xml.find("devices/graphics") is None
    assert xml.find("devices/video") is None


@pytest.mark.parametrize("address", ["127.0.0.1", "192.0.2.7"])
def test_an_enabled_vnc_server_listens_on_the_configured_address(override, address):
    override("enabled", True, "vnc")
    override("server_listen", address, "vnc")
    xml = domain()
    assert xml.find("devices/graphics/listen").get("address") == address
    assert xml.find("devices/video/model").get("type") == "vga"


def test_helper_devices(override):
    override("mem_stats_period_seconds", 7, "libvirt")
    xml = domain(hw_qemu_guest_agent="yes", hw_watchdog_action="reset")
    assert xml.find("devices/memballoon/stats").get("period") == "7"
    assert xml.findtext("devices/rng/backend") == "/dev/urandom"
    assert xml.find("devices/channel/target").get("name") == "org.qemu.guest_agent.0"
    assert xml.find("devices/watchdog").get("action") == "reset"


def test_devices_that_were_not_requested_are_missing():
    xml = domain(flavored(hw_rng__allowed="False"))
    for path in ("rng", "channel", "watchdog", "input"):
        assert xml.find(f"devices/{path}") is None
    assert xml.find("devices/controller[@type='usb']").get("model") == "none"


def test_serial_ports():
    ports = domain(hw_serial_port_count="3").findall("devices/serial")
    assert [port.find("target").get("port") for port in ports] == ["0", "1", "2"]
    assert [port.find("log") is not None for port in ports] == [True, False, False]
    assert domain(hw_serial_port_count="0").find("devices/serial") is None
    assert len(domain(flavored(hw__serial_port_count="4")).findall("devices/serial")) == 4
    fewer = domain(flavored(hw__serial_port_count="4"), hw_serial_port_count="2")
    assert len(fewer.findall("devices/serial")) == 2
    with pytest.raises(exception.UnsupportedHardware):
        domain(hw_serial_port_count="5")


def test_timers_performance_counters_and_a_hidden_hypervisor():
    xml = domain()
    assert xml.find("features/pmu") is None
    assert xml.find("features/kvm") is None
    assert xml.find("clock/timer[@name='hpet']").get("present") == "no"
    xml = domain(hw_time_hpet="yes", hw_pmu="true", img_hide_hypervisor_id="true")
    assert xml.find("clock/timer[@name='hpet']").get("present") == "yes"
    assert xml.find("features/pmu").get("state") == "on"
    assert xml.find("features/kvm/hidden").get("state") == "on"
    assert domain(flavored(hw__pmu="no")).find("features/pmu").get("state") == "off"


def test_video_memory_is_in_mebibytes(override):
    override("enabled", True, "vnc")
    assert domain(hw_video_ram="16").find("devices/video/model").get("vram") == "16384"
    assert domain(hw_video_ram="0").find("devices/video/model").get("vram") is None
    assert domain(flavored(hw__video_ram="16")).find("devices/video/model").get("vram") is None


def test_sound_and_usb_devices():
    xml = domain(hw_sound_model="usb", hw_usb_model="nec-xhci")
    assert xml.find("devices/sound").get("model") == "usb"
    assert xml.find("devices/controller[@type='usb']").get("model") == "nec-xhci"
    assert domain(hw_sound_model="usb").find("devices/controller[@type='usb']") is None


@pytest.mark.parametrize(("bus", "controller"), [("virtio", "none"), ("usb", None)])
def test_tablet_and_keyboard_are_on_the_requested_bus(bus, controller):
    xml = domain(hw_input_bus=bus, hw_pointer_model="usbtablet")
    inputs = [(node.get("type"), node.get("bus")) for node in xml.iterfind("devices/input")]
    assert inputs == [("tablet", bus), ("keyboard", bus)]
    usb = xml.find("devices/controller[@type='usb']")
    assert (usb.get("model") if usb is not None else None) == controller


def test_the_administrator_chooses_ports_and_discard(override):
    override("num_pcie_ports", 4, "libvirt")
    override("hw_disk_discard", "unmap", "libvirt")
    xml = domain(servers.make_instance(config_drive="True"), hw_machine_type="q35")
    assert len(xml.findall("devices/controller[@model='pcie-root-port']")) == 4
    discards = {
        node.get("device"): node.find("driver").get("discard")
        for node in xml.iterfind("devices/disk")
    }
    assert discards == {"disk": "unmap", "cdrom": None}


MACHINE_ID = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("source", "content", "expected"),
    [
        ("none", MACHINE_ID, None),
        ("os", MACHINE_ID, str(uuid.UUID(MACHINE_ID))),
        ("auto", MACHINE_ID, str(uuid.UUID(MACHINE_ID))),
        ("auto", None, CAPABILITIES.host_uuid),
        ("hardware", MACHINE_ID, CAPABILITIES.host_uuid),
    ],
)
def test_the_serial_number(override, monkeypatch, tmp_path, source, content, expected):
    override("sysinfo_serial", source, "libvirt")
    path = tmp_path / "machine-id"
    if content:
        path.write_text(f"{content}\n")
    monkeypatch.setattr(host_serial, "MACHINE_ID", path)
    entries = {node.get("name"): node.text for node in domain().iter("entry")}
    assert entries.get("serial") == expected


def test_a_host_without_a_serial_number_is_named(override, monkeypatch, tmp_path):
    override("sysinfo_serial", "os", "libvirt")
    monkeypatch.setattr(host_serial, "MACHINE_ID", tmp_path / "missing")
    with pytest.raises(exception.HypervisorError, match="sysinfo_serial=os"):
        domain()


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


def test_a_machine_type_that_the_host_lacks_allows_another_host():
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
        {"hw_firmware_type": "coreboot"},
        {"hw_cpu_cores": "-1"},
        {"hw_scsi_model": "x"},
    ],
)
def test_unsupported_hardware_is_refused(wrong):
    with pytest.raises(exception.UnsupportedHardware):
        domain(vifs=[servers.make_vif()], hw_disk_bus="scsi", **wrong)


def test_uefi_firmware_keeps_its_variables_in_the_folder_of_the_server():
    instance = servers.make_instance()
    system = domain(instance, hw_firmware_type="uefi").find("os")
    assert system.get("firmware") == "efi"
    assert system.findtext("nvram").endswith(f"/{instance.uuid}/nvram.fd")
    assert system.find("firmware/feature[@name='secure-boot']").get("enabled") == "no"
    assert domain().find("os").get("firmware") is None


def test_secure_boot_has_enrolled_keys():
    secure = {"hw_firmware_type": "uefi", "os_secure_boot": "required", "hw_machine_type": "q35"}
    system = domain(**secure).find("os")
    features = {node.get("name"): node.get("enabled") for node in system.iter("feature")}
    assert features == {"secure-boot": "yes", "enrolled-keys": "yes"}
    assert system.find("loader").get("secure") == "yes"
    assert system.findtext("nvram").endswith("/nvram.secure.fd")


def test_firmware_without_state_has_no_file():
    system = domain(hw_firmware_type="uefi", hw_firmware_stateless="true").find("os")
    assert system.find("loader").get("stateless") == "yes"
    assert system.find("nvram") is None


def test_parsed_disks_equal_the_formatted_ones():
    instance = servers.make_instance(servers.make_flavor(swap=8), config_drive="True")
    disks = DomainDevices.parse_str(domain_xml(instance, images_type="raw")).disks
    assert [(disk.target_dev, disk.source_device, disk.driver_format) for disk in disks] == [
        ("vda", "disk", "raw"),
        ("vdb", "disk", "raw"),
        ("hda", "cdrom", "raw"),
    ]
    assert disks[0].source_path.endswith(f"{instance.uuid}/disk")


def test_parsed_interfaces_equal_the_formatted_ones():
    vif = servers.make_vif()
    (found,) = DomainDevices.parse_str(domain_xml(vifs=[vif])).interfaces
    assert (found.mac_addr, found.target_dev) == (vif.address, vif.devname)


# What the registry says of this driver, with a value that is not what a guest has anyway.
SUPPORTED = {
    "boot_menu": "true",
    "cpu_cores": "4",
    "cpu_sockets": "4",
    "cpu_threads": "4",
    "cdrom_bus": "scsi",
    "disk_bus": "scsi",
    "firmware_type": "uefi",
    "machine_type": "q35",
    "pointer_model": "usbtablet",
    "qemu_guest_agent": "yes",
    "scsi_model": "lsilogic",
    "vif_model": "e1000",
    "video_model": "qxl",
    "watchdog_action": "reset",
    "vif_multiqueue_enabled": "true",
    "virtio_packed_ring": "true",
    "pmu": "false",
    "serial_port_count": "2",
    "sound_model": "ich9",
    "tpm_model": "tpm-crb",
    "tpm_version": "1.2",
    "usb_model": "qemu-xhci",
}
SUPPORTED_OF_FLAVORS = {
    "os:secure_boot": "required",
    "hw:hide_hypervisor_id": "yes",
    "hide_hypervisor_id": "true",
    "hw_rng:allowed": "false",
    "hw_rng:rate_bytes": "1024",
    "hw_rng:rate_period": "500",
    "quota:cpu_period": "2000",
    "quota:cpu_quota": "20000",
    "quota:cpu_shares": "512",
    **{
        f"quota:disk_{direction}_{unit}_sec": "4096"
        for direction in ("read", "write", "total")
        for unit in ("bytes", "iops")
    },
    **{
        f"quota:vif_{direction}_{kind}": "2048"
        for direction in ("inbound", "outbound")
        for kind in ("average", "peak", "burst")
    },
}
SUPPORTED_OF_IMAGES = [
    {"os_type": "windows"},
    {"os_command_line": "root=/dev/sda"},
    {"hw_firmware_stateless": "true"},
    {"os_secure_boot": "required"},
    {"hw_input_bus": "virtio"},
    {"hw_time_hpet": "true"},
    {"hw_video_ram": "32"},
    {"img_hide_hypervisor_id": "true"},
]
# The options beside which another one has its effect.
BESIDE = {
    "scsi_model": {"hw_disk_bus": "scsi"},
    "tpm_model": {"hw_tpm_version": "2.0"},
    "firmware_stateless": {"hw_firmware_type": "uefi"},
    "secure_boot": {"hw_firmware_type": "uefi", "hw_machine_type": "q35"},
}
# Not in the domain: how images and snapshots are made, what the guest's disks are, and whose
# password changePassword sets.
ELSEWHERE = {
    "os_admin_user",
    "os_require_quiesce",
    "img_config_drive",
    "kernel_id",
    "ramdisk_id",
    "hw_rescue_bus",
    "hw_rescue_device",
}


def _claimed(registry, prefix: str = "") -> set[str]:
    return {
        option.key.removeprefix(prefix)
        for option in registry.options
        if option.actor == LIBVIRT and option.key.startswith(prefix)
    }


def test_every_option_of_this_driver_in_the_registry_has_a_case():
    assert _claimed(EXTRA_SPECS) == {f"hw:{key}" for key in SUPPORTED} | set(SUPPORTED_OF_FLAVORS)
    others = {name for properties in SUPPORTED_OF_IMAGES for name in properties} | ELSEWHERE
    assert _claimed(IMAGE_PROPERTIES) == {f"hw_{key}" for key in SUPPORTED} | others


_VIF = servers.make_vif()


def _domain_of(extra_specs, properties):
    """A domain with a disk, a CD-ROM, an interface and a limit of entropy (so that it has a
    period). The metadata are left out, because they repeat the options."""
    specs = {"hw_rng:rate_bytes": "64", **extra_specs}
    flavor = servers.make_flavor(vcpus=4, extra_specs=specs)
    fixed = {"id": 1, "display_name": "s", "hostname": "s", "kernel_id": "kernel"}
    instance = servers.make_instance(flavor, config_drive="True", **fixed)
    instance.os_type = properties.get("os_type")
    image = {f"image_{key}": value for key, value in properties.items()}
    instance.system_metadata = {**instance.system_metadata, **image, "vtpm_secret_uuid": "key"}
    xml = domain(instance, [_VIF], **properties)
    xml.remove(xml.find("metadata"))
    return etree.tostring(xml, encoding="unicode").replace(instance.uuid, "")


@pytest.mark.parametrize(
    ("extra_specs", "properties"),
    [
        *(({f"hw:{key}": value}, {}) for key, value in SUPPORTED.items()),
        *(({}, {f"hw_{key}": value}) for key, value in SUPPORTED.items()),
        *(({key: value}, {}) for key, value in SUPPORTED_OF_FLAVORS.items()),
        *(({}, properties) for properties in SUPPORTED_OF_IMAGES),
    ],
    ids=str,
)
def test_options_of_the_registry_change_the_domain(override, extra_specs, properties):
    override("enabled", True, "vnc")  # a guest without a screen has no video device
    ((key, _value),) = (extra_specs | properties).items()
    beside = BESIDE.get(key.removeprefix("hw").removeprefix("os")[1:], {})
    assert _domain_of(extra_specs, beside | properties) != _domain_of({}, beside)


@pytest.mark.parametrize(
    "specs",
    [
        {"quota:cpu_quota": "-1"},
        {"quota:cpu_shares": "0"},
        {"quota:disk_read_iops_sec": "0"},
    ],
    ids=str,
)
def test_zero_and_negative_limits_mean_no_limit(specs):
    assert _domain_of(specs, {}) == _domain_of({}, {})
