"""Each kind of connection is converted to a disk of libvirt, and its keys to secrets."""

import base64

import libvirt
import pytest
from lxml import etree
from oslo_concurrency import processutils

from nova_mini import exception
from nova_mini.virt.libvirt.blockinfo import DiskDevice
from nova_mini.virt.libvirt.config_devices import LibvirtConfigGuestDisk
from nova_mini.virt.libvirt.secrets import Secrets
from nova_mini.virt.libvirt.volume import brick, fibrechannel, iscsi, net, nfs
from nova_mini.virt.libvirt.volume.drivers import VolumeDrivers

VOLUME = "2f0f4b0c-0000-4000-8000-000000000001"
SECRET = "2f0f4b0c-0000-4000-8000-00000000cee1"
KEY = base64.b64encode(b"the key of client.cinder").decode()
DEVICE = DiskDevice("virtio", "vdb")


class KeptSecret:
    def __init__(self, keeper, xml):
        root = etree.fromstring(xml)
        self.uuid, self.usage = root.findtext("uuid"), root.find("usage")[0].text
        self.is_private = root.get("private") == "yes"
        self.value = None
        self._keeper = keeper

    def usageID(self):
        return self.usage

    def setValue(self, value, flags):
        self.value = value

    def undefine(self):
        del self._keeper.secrets[self.uuid]


class Keeper:
    """The secrets of a connection to libvirt."""

    def __init__(self):
        self.secrets = {}

    def secretDefineXML(self, xml, flags):
        secret = KeptSecret(self, xml)
        return self.secrets.setdefault(secret.uuid, secret)

    def secretLookupByUUIDString(self, uuid):
        if uuid not in self.secrets:
            error = libvirt.libvirtError("no such secret")
            error.err = (libvirt.VIR_ERR_NO_SECRET, libvirt.VIR_FROM_SECRET, "", 2)
            raise error
        return self.secrets[uuid]


@pytest.fixture
def keeper():
    return Keeper()


@pytest.fixture
def host(keeper):
    class Host:
        def get_connection(self):
            return keeper

    return Host()


@pytest.fixture
def drivers(host):
    return VolumeDrivers(Secrets(host))


def rbd(**data):
    return {
        "driver_volume_type": "rbd",
        "serial": VOLUME,
        "data": {
            "name": f"volumes/volume-{VOLUME}",
            "hosts": ["10.0.0.1", "10.0.0.2"],
            "ports": ["6789", "6789"],
            "auth_enabled": True,
            "auth_username": "cinder",
            "secret_type": "ceph",
            "secret_uuid": SECRET,
            "discard": True,
            "access_mode": "rw",
            "qos_specs": None,
            "volume_id": VOLUME,
            **data,
        },
    }


def iscsi_connection(**data):
    return {
        "driver_volume_type": "iscsi",
        "serial": VOLUME,
        "data": {
            "target_iqn": f"iqn.2010-10.org.openstack:volume-{VOLUME}",
            "target_portal": "10.0.0.1:3260",
            "target_lun": 1,
            "auth_method": "CHAP",
            "auth_username": "chapuser",
            "auth_password": "chappassword",
            **data,
        },
    }


def disk_xml(driver, connection_info, device=DEVICE) -> etree._Element:
    return etree.fromstring(driver.get_config(connection_info, device).to_xml())


def test_ceph(drivers):
    driver = drivers.get(rbd())
    xml = disk_xml(driver, rbd())
    assert (xml.get("type"), xml.get("device")) == ("network", "disk")
    assert dict(xml.find("source").attrib) == {
        "protocol": "rbd",
        "name": f"volumes/volume-{VOLUME}",
    }
    assert [dict(h.attrib) for h in xml.iter("host")] == [
        {"name": "10.0.0.1", "port": "6789"},
        {"name": "10.0.0.2", "port": "6789"},
    ]
    assert xml.find("source/auth").get("username") == "cinder"
    assert dict(xml.find("source/auth/secret").attrib) == {"type": "ceph", "uuid": SECRET}
    assert xml.findtext("serial") == VOLUME
    assert dict(xml.find("driver").attrib) == {
        "name": "qemu",
        "type": "raw",
        "cache": "none",
        "discard": "unmap",
    }
    assert xml.find("readonly") is None and xml.find("shareable") is None


def test_a_parsed_disk_equals_the_formatted_one(drivers):
    driver = drivers.get(rbd())
    written = driver.get_config(rbd(), DEVICE)
    read = LibvirtConfigGuestDisk.parse_dom(etree.fromstring(written.to_xml()))
    for name in (
        "source_type",
        "source_protocol",
        "source_path",
        "source_hosts",
        "serial",
        "target_dev",
        "target_bus",
    ):
        assert getattr(read, name) == getattr(written, name)


def test_the_secret_of_a_ceph_user_is_made_from_its_keyring(drivers, keeper, tmp_path, override):
    keyring = tmp_path / "ceph.client.cinder.keyring"
    keyring.write_text(f'[client.cinder]\n\tkey = {KEY}\n\tcaps mon = "profile rbd"\n')
    override("rbd_keyring", str(tmp_path / "ceph.client.{user}.keyring"), "libvirt")
    driver = drivers.get(rbd())
    for _ in range(2):
        driver.connect_volume(rbd())
    (secret,) = keeper.secrets.values()
    assert (secret.uuid, secret.usage) == (SECRET, f"client.cinder ({SECRET})")
    assert secret.value == b"the key of client.cinder" and secret.is_private
    driver.disconnect_volume(rbd())  # other volumes may need it
    assert list(keeper.secrets) == [SECRET]


def test_a_missing_key_is_explained_to_the_operator(drivers, tmp_path, override):
    override("rbd_keyring", str(tmp_path / "none"), "libvirt")
    with pytest.raises(exception.VolumeAttachFailed, match="has no key") as raised:
        drivers.get(rbd()).connect_volume(rbd())
    assert "no secret for client.cinder" in raised.value.internal
    assert str(tmp_path) not in str(raised.value)


def test_a_secret_of_the_operator_is_not_changed(drivers, host, keeper, tmp_path, override):
    override("rbd_keyring", str(tmp_path / "none"), "libvirt")
    Secrets(host).ensure("ceph", SECRET, "made by hand", b"value")
    connection = rbd(keyring=f"[client.cinder]\nkey = {KEY}\n")
    drivers.get(connection).connect_volume(connection)
    (secret,) = keeper.secrets.values()
    assert (secret.usage, secret.value) == ("made by hand", b"value")


def test_iscsi_by_qemu(drivers, keeper, override):
    override("iscsi_use_qemu_initiator", True, "libvirt")
    override("host", "host1")
    connection = iscsi_connection()
    driver = drivers.get(connection)
    assert isinstance(driver, net.LibvirtNetVolumeDriver)
    driver.connect_volume(connection)
    (secret,) = keeper.secrets.values()
    assert secret.value == b"chappassword"
    xml = disk_xml(driver, connection)
    assert dict(xml.find("source").attrib) == {
        "protocol": "iscsi",
        "name": f"iqn.2010-10.org.openstack:volume-{VOLUME}/1",
    }
    assert dict(xml.find("source/host").attrib) == {"name": "10.0.0.1", "port": "3260"}
    assert xml.find("source/initiator/iqn").get("name") == "iqn.2010-10.org.openstack:host1"
    assert dict(xml.find("source/auth/secret").attrib) == {"type": "iscsi", "uuid": secret.uuid}
    assert b"chappassword" not in etree.tostring(xml)
    driver.release_shared_resource(connection)
    driver.release_shared_resource(connection)
    assert keeper.secrets == {}


def test_qos_limits_of_the_hypervisor(drivers):
    specs = {
        "total_iops_sec": "500",
        "read_bytes_sec_max": 1048576,
        "consumer": "front-end",
        "write_iops_sec": "many",
    }
    xml = disk_xml(drivers.get(rbd()), rbd(qos_specs=specs))
    assert {node.tag: node.text for node in xml.find("iotune")} == {
        "total_iops_sec": "500",
        "read_bytes_sec_max": "1048576",
    }


def test_read_only_shareable_and_cache_mode(drivers, override):
    override("disk_cachemodes", {"network": "writeback"}, "libvirt")
    shared = rbd(access_mode="ro") | {"multiattach": True}
    xml = disk_xml(drivers.get(shared), shared)
    assert xml.find("readonly") is not None and xml.find("shareable") is not None
    assert xml.find("driver").get("cache") == "writeback"


def test_read_only_by_the_flag_of_the_volume(drivers):
    known = rbd() | {"readonly": True}
    assert disk_xml(drivers.get(known), known).find("readonly") is not None


def test_values_of_a_connection_are_escaped(drivers):
    evil = "x'/><disk><source file='/etc/shadow'/></disk>"
    xml = disk_xml(drivers.get(rbd()), rbd(name=evil))
    assert xml.find("source").get("name") == evil and len(list(xml.iter("source"))) == 1


def test_an_unsupported_kind_of_connection_is_an_error(drivers):
    with pytest.raises(exception.VolumeAttachFailed, match="type 'quantum'"):
        drivers.get({"driver_volume_type": "quantum", "serial": VOLUME, "data": {}})


class Connector:
    """Replaces os-brick and records the calls."""

    def __init__(self, path="/dev/sdx"):
        self.calls = []
        self._path = path

    def connect_volume(self, data):
        self.calls.append("connect")
        return {"type": "block", "path": self._path}

    def disconnect_volume(self, data, device_info, force, ignore_errors):
        self.calls.append(("disconnect", force, ignore_errors))

    def extend_volume(self, data):
        self.calls.append("extend")
        raise processutils.ProcessExecutionError(cmd="iscsiadm --password chappassword")


@pytest.mark.parametrize(
    ("kind", "protocol"),
    [
        (iscsi.LibvirtISCSIVolumeDriver, "ISCSIConnector"),
        (fibrechannel.LibvirtFibreChannelVolumeDriver, "FibreChannelConnector"),
        (nfs.LibvirtNFSVolumeDriver, "RemoteFsConnector"),
    ],
)
def test_kinds_that_os_brick_connects(kind, protocol):
    driver = kind()
    assert type(driver.connector).__name__ == protocol
    driver.connector = Connector()
    connection = iscsi_connection(name="volume-1")
    driver.connect_volume(connection)
    xml = disk_xml(driver, connection)
    assert xml.get("type") == driver.source_type
    attribute = {"block": "dev", "file": "file"}[driver.source_type]
    assert dict(xml.find("source").attrib) == {attribute: "/dev/sdx"}
    driver.disconnect_volume(connection, force=True)
    assert driver.connector.calls == ["connect", ("disconnect", True, True)]


def test_singular_and_plural_properties_give_the_same_key():
    singular = iscsi_connection()
    data = dict(singular["data"])
    for part in ("portal", "iqn", "lun"):
        data[f"target_{part}s"] = [data.pop(f"target_{part}"), "another"]
    driver = iscsi.LibvirtISCSIVolumeDriver()
    assert driver.connection_key({**singular, "data": data}) == driver.connection_key(singular)


def test_errors_of_os_brick_contain_no_password():
    driver = iscsi.LibvirtISCSIVolumeDriver()
    driver.connector = Connector()
    with pytest.raises(exception.VolumeAttachFailed) as caught:
        driver.extend_volume(iscsi_connection(), 1)
    assert "chappassword" not in caught.value.format_message()


def test_only_known_formats_of_nfs_files_are_used():
    driver = nfs.LibvirtNFSVolumeDriver()
    for declared, used in (("qcow2", "qcow2"), ("vmdk", "raw"), (None, "raw")):
        connection = iscsi_connection(format=declared, device_path="/mnt/share/volume")
        assert disk_xml(driver, connection).find("driver").get("type") == used


def test_the_connector_of_this_host():
    properties = brick.get_connector_properties("host1")
    assert properties["host"] == "host1" and properties["ip"]


def test_libvirt_understands_every_kind_of_disk(drivers, override):
    override("iscsi_use_qemu_initiator", True, "libvirt")
    by_qemu = drivers.get(iscsi_connection()).get_config(iscsi_connection(), DEVICE)
    ceph = drivers.get(rbd()).get_config(rbd() | {"multiattach": True}, DiskDevice("scsi", "sda"))
    kernel = iscsi.LibvirtISCSIVolumeDriver().get_config(
        iscsi_connection(device_path="/dev/sdx"), DiskDevice("virtio", "vdc")
    )
    disks = "".join(config.to_xml() for config in (by_qemu, ceph, kernel))
    connection = libvirt.open("test:///default")
    domain = connection.defineXML(
        "<domain type='test'><name>volumes</name><memory>1024</memory><os><type>hvm</type></os>"
        f"<devices>{disks}</devices></domain>"
    )
    understood = etree.fromstring(domain.XMLDesc(0))
    shown = [
        (d.find("source").attrib.values()[0], d.findtext("serial")) for d in understood.iter("disk")
    ]
    assert sorted(shown) == [("/dev/sdx", VOLUME), ("iscsi", VOLUME), ("rbd", VOLUME)]
    assert understood.find(".//shareable") is not None
    domain.undefine()
    connection.close()
