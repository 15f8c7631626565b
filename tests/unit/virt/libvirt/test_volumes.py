"""Attaching volumes to guests that are off, slow or refuse; and the device names of volumes."""

import json
import threading

import libvirt
import pytest
from lxml import etree

from nova_mini import disclosure, exception
from nova_mini.context import RequestContext
from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.network_model import NetworkInfo
from nova_mini.virt import block_device
from nova_mini.virt.block_device_info import BlockDeviceInfo, VolumeDisk
from nova_mini.virt.libvirt import blockinfo, volumes
from nova_mini.virt.libvirt.config import DomainDevices
from nova_mini.virt.libvirt.events import EventHandler
from nova_mini.virt.libvirt.guest_config import GuestConfigBuilder
from nova_mini.virt.libvirt.imagebackend.file import Backend
from nova_mini.virt.libvirt.serial_ports import SerialPorts
from nova_mini.virt.libvirt.vif import LibvirtGenericVIFDriver
from tests import servers
from tests.unit.virt.libvirt.guests_of_host import GuestsOfHost
from tests.unit.virt.libvirt.test_guest_config import CAPABILITIES
from tests.unit.virt.libvirt.test_volume_drivers import VOLUME, rbd

DEVICE = volumes.device_of("/dev/vdb", None, None)


class Host:
    def __init__(self):
        self.events = EventHandler(lambda event: None)

    def device_removal(self, uuid, alias):
        return self.events.device_removal(uuid, alias)


class Domain:
    def UUIDString(self):
        return "guest"


class Guest:
    """Has disks in its definition and, if it runs, in the running domain. It releases a disk at the
    ``agrees``-th request."""

    uuid = "guest"

    def __init__(self, host, active=True, agrees=1, refuses_attach=False):
        self.disks = {True: {}, False: {}}  # persistent? -> {serial: XML}
        self.requests = 0
        self.resized = None
        self._host = host
        self._active = active
        self._agrees = agrees
        self._refuses_attach = refuses_attach

    def is_active(self):
        return self._active

    def get_devices(self, persistent=False):
        disks = "".join(self.disks[persistent].values())
        return DomainDevices.parse_str(f"<domain><devices>{disks}</devices></domain>")

    def attach_device(self, config, live):
        if self._refuses_attach:
            refused = libvirt.libvirtError("no more PCI slots")
            refused.err = (libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_FROM_QEMU, "", 2)
            raise refused
        xml = config.to_xml().replace("</disk>", "<alias name='virtio-disk1'/></disk>")
        assert config.serial not in self.disks[not live], "attached twice"
        self.disks[not live][config.serial] = xml

    def detach_device(self, config, live):
        if not live:
            del self.disks[True][config.serial]
            return
        self.requests += 1
        events = self._host.events
        tell = events._on_device_refused
        if self.requests >= self._agrees:
            del self.disks[False][config.serial]
            tell = events._on_device_removed
        threading.Timer(0.01, tell, (None, Domain(), config.alias, None)).start()

    def resize_disk(self, disk, size):
        self.resized = (disk, size)


@pytest.fixture
def host(override, tmp_path):
    override("rbd_keyring", "/nowhere/{user}", "libvirt")
    override("state_path", str(tmp_path))
    return Host()


@pytest.fixture
def attachments(host):
    return volumes.Volumes(host)


@pytest.fixture
def volume():
    return rbd(auth_enabled=False)


INSTANCE = servers.make_instance()
CONTEXT = RequestContext(overwrite=False)


def info_of(connection_info) -> BlockDeviceInfo:
    return BlockDeviceInfo(
        volumes=[VolumeDisk(device_name="/dev/vda", connection_info=connection_info)]
    )


def test_attach_and_detach(host, attachments, volume):
    guest = Guest(host, agrees=2)
    for _ in range(2):  # idempotent
        attachments.attach(CONTEXT, INSTANCE, guest, volume, DEVICE)
    assert list(guest.disks[True]) == list(guest.disks[False]) == [VOLUME]
    attachments.detach(INSTANCE, guest, volume, "/dev/vdb")
    assert guest.disks == {True: {}, False: {}} and guest.requests == 2
    attachments.detach(INSTANCE, guest, volume, "/dev/vdb")


def test_a_volume_is_added_to_the_definition_of_a_guest_that_is_off(host, attachments, volume):
    guest = Guest(host, active=False)
    attachments.attach(CONTEXT, INSTANCE, guest, volume, DEVICE)
    assert list(guest.disks[True]) == [VOLUME] and guest.disks[False] == {}
    attachments.detach(INSTANCE, guest, volume, "/dev/vdb")
    assert guest.disks[True] == {}


def test_an_interrupted_attach_is_completed(host, attachments, volume):
    guest = Guest(host)
    attachments.attach(CONTEXT, INSTANCE, guest, volume, DEVICE)
    guest.disks[True].clear()
    attachments.attach(CONTEXT, INSTANCE, guest, volume, DEVICE)
    assert list(guest.disks[True]) == [VOLUME]


def test_a_guest_that_does_not_release_its_disk(host, attachments, volume, override):
    override("device_detach_attempts", 2, "libvirt")
    guest = Guest(host, agrees=99)
    attachments.attach(CONTEXT, INSTANCE, guest, volume, DEVICE)
    with pytest.raises(exception.DeviceDetachFailed, match="does not release it"):
        attachments.detach(INSTANCE, guest, volume, "/dev/vdb")
    assert list(guest.disks[False]) == [VOLUME]


def test_an_error_of_the_hypervisor(host, attachments, volume, caplog):
    """The hypervisor's message is only for the operator, in the log line of the operation."""
    with pytest.raises(exception.VolumeAttachFailed, match="hypervisor rejected") as raised:
        attachments.attach(CONTEXT, INSTANCE, Guest(host, refuses_attach=True), volume, DEVICE)
    assert "no more PCI slots" not in str(raised.value)
    assert "no more PCI slots" in disclosure.message_for_operator(raised.value)
    assert caplog.text == ""


def test_a_lost_connection_is_hypervisor_unavailable(host, attachments, volume, monkeypatch):
    def hang_up(config, live):
        lost = libvirt.libvirtError("connection reset")
        lost.err = (libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_FROM_RPC, "", 2)
        raise lost

    guest = Guest(host)
    monkeypatch.setattr(guest, "attach_device", hang_up)
    with pytest.raises(exception.HypervisorUnavailable):
        attachments.attach(CONTEXT, INSTANCE, guest, volume, DEVICE)


def test_a_volume_that_could_not_be_connected_is_not_disconnected(host, attachments):
    unknown = {"driver_volume_type": "quantum", "serial": VOLUME, "data": {}}
    with pytest.raises(exception.VolumeAttachFailed):
        attachments.attach(CONTEXT, INSTANCE, Guest(host), unknown, DEVICE)
    attachments.detach(INSTANCE, Guest(host), unknown, "/dev/vdb")
    attachments.disconnect_all(INSTANCE, info_of(unknown))


def test_a_volume_that_is_encrypted_since_it_was_read(host, attachments):
    sealed = rbd(auth_enabled=False, encrypted=True)
    guest = Guest(host)
    with pytest.raises(exception.VolumeEncryptionNotSupported, match=VOLUME):
        attachments.attach(CONTEXT, INSTANCE, guest, sealed, DEVICE)
    with pytest.raises(exception.VolumeEncryptionNotSupported):
        attachments.connect_all(CONTEXT, INSTANCE, None, info_of(sealed))
    assert guest.disks == {True: {}, False: {}}


def test_a_volume_is_disconnected_without_a_guest(attachments, volume):
    attachments.detach(INSTANCE, None, volume, "/dev/vdb")


def test_extend(host, attachments, volume):
    guest = Guest(host)
    attachments.attach(CONTEXT, INSTANCE, guest, volume, DEVICE)
    attachments.extend(guest, volume, "/dev/vdb", 5 * 1024**3)
    assert guest.resized == ("vdb", 5 * 1024**3)


# -- among the other disks -----------------------------------------------------------------------


def mapping(context=None, **fields) -> BlockDeviceMapping:
    values = {
        "source_type": "volume",
        "destination_type": "volume",
        "device_type": "disk",
        "boot_index": -1,
    } | fields
    return BlockDeviceMapping.new(RequestContext(overwrite=False), **values)


def local(**fields) -> BlockDeviceMapping:
    return mapping(destination_type="local", **fields)


def name_of(bdm, others, instance=INSTANCE) -> str:
    return blockinfo.get_device_name("x86_64", instance, [*others, bdm], bdm)


def test_free_device_names_are_chosen():
    flavor = servers.make_flavor(ephemeral_gb=1)
    instance = servers.make_instance(flavor, config_drive="True")
    disks = [
        local(source_type="image", boot_index=0),
        local(source_type="blank", volume_size=1),
        mapping(device_name="/dev/vdc"),
    ]
    assert name_of(mapping(), disks, instance) == "/dev/vdd"
    assert name_of(mapping(device_name="/dev/vdx"), disks, instance) == "/dev/vdx"
    assert name_of(mapping(disk_bus="scsi"), disks, instance) == "/dev/sda"
    with pytest.raises(exception.DevicePathInUse):
        name_of(mapping(device_name="/dev/vdb"), disks, instance)
    with pytest.raises(exception.UnsupportedHardware):
        name_of(mapping(disk_bus="floppy"), disks, instance)


def test_the_root_volume_has_the_first_name():
    disks = [local(source_type="blank", volume_size=1)]
    assert name_of(mapping(boot_index=0), disks) == "/dev/vda"


def test_a_domain_boots_from_its_volume():
    connection = rbd()
    disks = [
        mapping(boot_index=0, device_name="/dev/vda", connection_info=json.dumps(connection)),
        local(source_type="blank", volume_size=1),
    ]
    image_meta = ImageMeta(disk_format="raw")
    info = block_device.get_block_device_info(disks)
    disk_info = blockinfo.get_disk_info("x86_64", INSTANCE, image_meta, info)
    connected = volumes.Volumes(Host())._drivers.get(connection)
    config = {"/dev/vda": connected.get_config(connection, disk_info.mapping["/dev/vda"])}
    builder = GuestConfigBuilder(
        CAPABILITIES, Backend("qcow2"), LibvirtGenericVIFDriver(), SerialPorts(GuestsOfHost())
    )
    made = builder.get_guest_config(INSTANCE, NetworkInfo(), image_meta, disk_info, config)
    xml = etree.fromstring(made.to_xml())
    shown = {
        disk.find("target").get("dev"): (
            disk.get("type"),
            disk.find("boot").get("order") if disk.find("boot") is not None else None,
        )
        for disk in xml.iter("disk")
    }
    assert shown == {"vda": ("network", "1"), "vdb": ("file", None)}
    blockinfo.name_devices(INSTANCE, disk_info)
    assert INSTANCE.root_device_name == "/dev/vda"


def test_a_volume_that_is_not_connected_is_not_in_the_domain():
    disks = [local(source_type="image", boot_index=0), mapping(device_name="/dev/vdb")]
    info = block_device.get_block_device_info(disks)
    assert info.volumes == []
