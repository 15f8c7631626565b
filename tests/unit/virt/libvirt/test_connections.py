"""The connections of a host are stored across crashes, shared, and removed with their last use."""

import pytest

from nova_mini.context import RequestContext
from nova_mini.virt.block_device_info import BlockDeviceInfo, VolumeDisk
from nova_mini.virt.libvirt import volumes
from nova_mini.virt.libvirt.volume import iscsi, nfs
from tests import servers
from tests.unit.virt.libvirt.test_volume_drivers import Connector, iscsi_connection

ONE, OTHER = servers.make_instance(uuid="1" * 32), servers.make_instance(uuid="2" * 32)

CONTEXT = RequestContext(overwrite=False)


class NoHost:
    pass


@pytest.fixture
def connector(override, tmp_path, monkeypatch):
    override("state_path", str(tmp_path))
    override("nfs_mount_point_base", str(tmp_path / "mnt"), "libvirt")
    connector = Connector()
    for kind in (iscsi.LibvirtISCSIVolumeDriver, nfs.LibvirtNFSVolumeDriver):
        monkeypatch.setattr(kind, "__init__", lambda self: setattr(self, "connector", connector))
    return connector


def process():
    """The state of a compute service that was just started."""
    return volumes.Volumes(NoHost())


def connect(instance, connection_info) -> None:
    process()._connect_volume(CONTEXT, instance, connection_info)


def nfs_connection(name: str) -> dict:
    return {
        "driver_volume_type": "nfs",
        "serial": name,
        "data": {"export": "10.0.0.1:/share", "name": name},
    }


DISCONNECT = ("disconnect", True, True)


def test_all_stored_connections_of_an_instance_are_disconnected(connector):
    connect(ONE, iscsi_connection())
    connect(ONE, iscsi_connection(target_lun=2))
    assert process().connected_instances() == {ONE.uuid}
    process().disconnect_all(ONE, None)
    assert connector.calls == ["connect", "connect", DISCONNECT, DISCONNECT]
    assert process().connected_instances() == set()
    process().disconnect_all(ONE, None)
    assert connector.calls.count(DISCONNECT) == 2


def test_a_connection_is_stored_before_it_is_made(connector, monkeypatch):
    def die(data):
        raise KeyboardInterrupt

    monkeypatch.setattr(connector, "connect_volume", die)
    with pytest.raises(KeyboardInterrupt):
        connect(ONE, iscsi_connection())
    process().disconnect_all(ONE, None)
    assert connector.calls == [DISCONNECT]


@pytest.mark.parametrize(("force", "flushed"), [(False, "/dev/sdx"), (True, None)])
def test_a_device_is_flushed_unless_forced(connector, monkeypatch, force, flushed):
    """os-brick flushes the device whose path it gets."""
    calls = []
    monkeypatch.setattr(connector, "disconnect_volume", lambda data, *_, **__: calls.append(data))
    connect(ONE, iscsi_connection())
    process()._disconnect_volume(ONE.uuid, iscsi_connection(), force=force)
    assert [data.get("device_path") for data in calls] == [flushed]


def test_no_password_is_stored(connector, tmp_path):
    connect(ONE, iscsi_connection())
    (path,) = (tmp_path / "connections").iterdir()
    assert "chappassword" not in path.read_text() and "iqn" in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


def test_a_volume_stays_connected_while_another_server_uses_it(connector):
    for instance in (ONE, OTHER):
        connect(instance, iscsi_connection())
    process().disconnect_all(ONE, None)
    assert DISCONNECT not in connector.calls
    process().disconnect_all(OTHER, None)
    assert connector.calls[-1] == DISCONNECT


def test_a_share_is_unmounted_with_its_last_volume(connector, monkeypatch):
    commands = []
    monkeypatch.setattr(nfs.processutils, "execute", lambda *argv: commands.append(argv))
    share = nfs._mount_point("10.0.0.1:/share")
    monkeypatch.setattr(nfs, "_mount_points", lambda: {share})
    for instance, name in ((ONE, "a"), (ONE, "b"), (OTHER, "c")):
        connect(instance, nfs_connection(name))
    process().disconnect_all(ONE, None)
    assert commands == []
    process().disconnect_all(OTHER, None)
    ((*_, umount, mounted),) = commands
    assert (umount, mounted) == ("umount", str(share))


def test_old_and_new_connections_of_a_volume_are_disconnected(connector):
    """Cinder may offer another connection to a volume while its server is off."""
    connect(ONE, iscsi_connection(target_portal="10.0.0.1:3260"))
    connect(ONE, iscsi_connection(target_portal="10.0.0.2:3260"))
    now = VolumeDisk(
        device_name="/dev/vdb", connection_info=iscsi_connection(target_portal="10.0.0.2:3260")
    )
    process().disconnect_all(ONE, BlockDeviceInfo(volumes=[now]))
    assert connector.calls.count(DISCONNECT) == 2
