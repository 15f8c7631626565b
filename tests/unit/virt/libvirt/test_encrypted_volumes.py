"""Encrypted volumes: QEMU gets their keys from secrets of libvirt, which exist as long as a server
of the host uses the volume."""

import pathlib
import subprocess

import pytest
from lxml import etree

from nova_mini import disclosure, exception
from nova_mini.context import RequestContext
from nova_mini.keymgr.keys import Keys
from nova_mini.virt.block_device_info import BlockDeviceInfo, VolumeDisk
from nova_mini.virt.libvirt import blockinfo, volumes
from nova_mini.virt.libvirt.blockinfo import DiskDevice
from nova_mini.virt.libvirt.migration import definition
from nova_mini.virt.libvirt.secrets import LibvirtConfigSecret
from nova_mini.virt.libvirt.volume import luks
from tests import servers
from tests.unit.virt.libvirt.test_volume_drivers import VOLUME, Keeper, rbd
from tests.unit.virt.libvirt.test_volumes import Guest, Host

KEY = b"\x01\xfe" * 16
ENCRYPTION = {"key_id": "key", "cipher": "aes-xts-plain64", "key_size": 256}
ONE, OTHER = servers.make_instance(uuid="1" * 32), servers.make_instance(uuid="2" * 32)
CONTEXT = RequestContext(overwrite=False)
DEVICE = volumes.device_of("/dev/vdb", None, None)


class KeyManager:
    """``key`` None: every request for the key is refused."""

    def __init__(self):
        self.key = KEY
        self.asked = []

    def get(self, context, key_id, project_id):
        assert project_id == ONE.project_id
        self.asked.append(key_id)
        if self.key is None:
            raise exception.KeyNotAvailable(key_id=key_id, internal="403")
        return self.key


@pytest.fixture
def keeper():
    return Keeper()


@pytest.fixture
def host(keeper, override, tmp_path):
    override("rbd_keyring", "/nowhere/{user}", "libvirt")
    override("state_path", str(tmp_path))
    host = Host()
    host.get_connection = lambda: keeper
    return host


@pytest.fixture
def keys(monkeypatch):
    manager = KeyManager()
    monkeypatch.setattr(Keys, "get", lambda self, *args: manager.get(*args))
    return manager


@pytest.fixture
def attachments(host, keys):
    return volumes.Volumes(host)


@pytest.fixture
def sealed():
    return {**rbd(auth_enabled=False, encrypted=True), "encryption": ENCRYPTION}


def info_of(connection_info) -> BlockDeviceInfo:
    disk = VolumeDisk(device_name="/dev/vdb", connection_info=connection_info)
    return BlockDeviceInfo(volumes=[disk])


def connect(attachments, instance, connection_info):
    mapping = {"/dev/vdb": DiskDevice("virtio", "vdb")}
    disk_info = blockinfo.DiskInfo("virtio", "sata", mapping)
    return attachments.connect_all(CONTEXT, instance, disk_info, info_of(connection_info))


def test_attach_and_detach(host, keeper, keys, attachments, sealed):
    guest = Guest(host)
    for _ in range(2):  # idempotent
        attachments.attach(CONTEXT, ONE, guest, sealed, DEVICE)
    (secret,) = keeper.secrets.values()
    assert (secret.uuid, secret.usage, secret.is_private) == (VOLUME, VOLUME, True)
    assert secret.value == KEY.hex().encode()
    for xml in (guest.disks[True][VOLUME], guest.disks[False][VOLUME]):
        assert KEY.hex() not in xml
        node = etree.fromstring(xml).find("source/encryption[@format='luks']/secret")
        assert dict(node.attrib) == {"type": "passphrase", "uuid": VOLUME}
    assert keys.asked == ["key", "key"] and attachments.connected_instances() == {ONE.uuid}
    attachments.detach(ONE, guest, sealed, "/dev/vdb")
    assert keeper.secrets == {} and attachments.connected_instances() == set()
    attachments.detach(ONE, None, sealed, "/dev/vdb")


def test_the_usage_of_the_secret():
    xml = etree.fromstring(LibvirtConfigSecret("volume", VOLUME, VOLUME).to_xml())
    assert xml.find("usage").get("type") == "volume"
    assert xml.findtext("usage/volume") == VOLUME


def test_a_volume_of_two_servers(keeper, attachments, sealed):
    for instance in (ONE, OTHER):
        (disk,) = connect(attachments, instance, sealed).values()
        assert disk.encryption_secret == VOLUME
    attachments.disconnect_all(ONE, info_of(sealed))
    assert list(keeper.secrets) == [VOLUME]
    attachments.disconnect_all(OTHER, info_of(sealed))
    assert keeper.secrets == {}


def test_the_secret_of_a_server_that_is_gone(host, keeper, attachments, sealed):
    """A process that starts later removes the secret. It finds the volume in the file that records
    its use."""
    connect(attachments, ONE, sealed)
    later = volumes.Volumes(host)
    assert later.connected_instances() == {ONE.uuid}
    later.disconnect_all(ONE, None)
    assert keeper.secrets == {} and later.connected_instances() == set()


def test_files_have_no_key(attachments, sealed, tmp_path):
    connect(attachments, ONE, sealed)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files and not [path for path in files if KEY.hex() in path.read_text()]


def test_a_start_without_the_key_uses_the_secret_of_libvirt(
    keeper, keys, attachments, sealed, caplog
):
    """As after a crash of the host: the user's token is not stored."""
    connect(attachments, ONE, sealed)
    keys.key = None
    connect(attachments, ONE, sealed)
    assert keeper.secrets[VOLUME].value == KEY.hex().encode()
    assert "using the key that libvirt has" in caplog.text


def test_no_key_at_all(keeper, keys, attachments, sealed):
    keys.key = None
    with pytest.raises(exception.VolumeAttachFailed, match="does not give its key") as raised:
        connect(attachments, ONE, sealed)
    assert "403" in disclosure.message_for_operator(raised.value)
    assert "403" not in str(raised.value)
    attachments.disconnect_all(ONE, info_of(sealed))
    assert attachments.connected_instances() == set()


@pytest.mark.parametrize(("hidden", "header"), [(2097152, 2097152), (0, 2068480)])
def test_extend_leaves_room_for_the_header(host, attachments, sealed, hidden, header):
    """``hidden``: the bytes of the volume that the guest does not see before; none of a new volume
    in Ceph."""
    guest = Guest(host)
    guest.get_disk_size = lambda dev: 3 * 1024**3 - hidden
    attachments.attach(CONTEXT, ONE, guest, sealed, DEVICE)
    attachments.extend(guest, sealed, "/dev/vdb", 5 * 1024**3)
    assert guest.resized == ("vdb", 5 * 1024**3 - header)


def test_the_destination_of_a_live_migration_decrypts_too(attachments, sealed):
    (disk,) = connect(attachments, ONE, sealed).values()
    xml = disk.to_xml()
    there = definition.Destination("uri", "10.0.0.2", "/there", {"vdb": xml}, {})
    moved = definition.for_destination(f"<domain><devices>{xml}</devices></domain>", "/here", there)
    found = etree.fromstring(moved).findall(".//encryption/secret")
    assert [node.get("uuid") for node in found] == [VOLUME]


# -- the header of a new device ------------------------------------------------------------------


@pytest.fixture
def device(tmp_path) -> pathlib.Path:
    path = tmp_path / "device"
    with open(path, "wb") as stream:
        stream.truncate(64 * 1024**2)
    return path


def opens(device, passphrase: str) -> bool:
    """Whether QEMU itself opens the device with the passphrase, and reads 4 KiB from it."""
    secret = f"secret,id=key,data={passphrase}"
    image = f"driver=luks,key-secret=key,file.filename={device}"
    command = ["qemu-io", "-r", "--object", secret, "--image-opts", "-c", "read 0 4k", image]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode == 0 and "read 4096/4096" in done.stdout


@pytest.mark.parametrize("key_size", [256, 512])
def test_a_new_device_is_formatted_once(device, key_size):
    encryption = {**ENCRYPTION, "key_size": key_size}
    luks.ensure_header(VOLUME, device, encryption, KEY.hex())
    assert opens(device, KEY.hex()) and not opens(device, "wrong")
    assert device.stat().st_size == 64 * 1024**2  # the volume has exactly its size
    made = device.read_bytes()[:65536]
    luks.ensure_header(VOLUME, device, encryption, "another passphrase")
    assert device.read_bytes()[:65536] == made


def test_luks_2_is_refused(device):
    with open(device, "r+b") as stream:
        stream.write(b"LUKS\xba\xbe\x00\x02")
    with pytest.raises(exception.VolumeAttachFailed, match="not of version 1"):
        luks.ensure_header(VOLUME, device, ENCRYPTION, KEY.hex())


def test_a_cipher_that_qemu_does_not_know(device):
    with pytest.raises(exception.VolumeAttachFailed, match="could not be made") as raised:
        luks.ensure_header(VOLUME, device, {**ENCRYPTION, "cipher": "rot-13-x"}, KEY.hex())
    assert KEY.hex() not in disclosure.details_for_operator(raised.value)
    assert device.read_bytes()[:6] == bytes(6)


def test_only_block_devices_are_formatted(attachments, device, sealed):
    """A file of NFS has the format that Cinder gave it."""
    sealed["data"]["device_path"] = str(device)
    connect(attachments, ONE, sealed)
    assert device.read_bytes()[:6] == bytes(6)
