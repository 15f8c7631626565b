"""Volumes over the kernel's iSCSI initiator: one login per target, one disk per volume."""

import pathlib
import time

import pytest

from nova_mini import exception
from nova_mini.virt.libvirt.volume import drivers
from tests import servers
from tests.nightly import storage
from tests.nightly.conftest import connect_and_die, kill_tgtd, process
from tests.nightly.tgt import PASSWORD

pytestmark = pytest.mark.nightly


def test_the_connector_of_this_host(targets):
    targets()  # iscsid gives the initiator its name
    name = pathlib.Path("/etc/iscsi/initiatorname.iscsi").read_text()
    connector = drivers.get_volume_connector("host1")
    assert f"InitiatorName={connector['initiator']}" in name.splitlines()
    assert connector["host"] == "host1"


def test_there_and_back(targets, connect, instance):
    target = targets()
    device = connect(target.connection())
    assert storage.sessions() == [f"127.0.0.1 {target.iqn}"]
    (link,) = pathlib.Path("/dev/disk/by-path").glob(f"*-iscsi-{target.iqn}-lun-1")
    assert link.resolve() == pathlib.Path(device)
    storage.write(device, b"by the host", offset=4096)
    assert storage.read(str(target.files[0]), 11, offset=4096) == b"by the host"
    process()._disconnect_volume(instance.uuid, target.connection())
    assert not any(storage.everything().values())


def test_connect_and_disconnect_are_idempotent(targets, connect, instance):
    target = targets()
    assert connect(target.connection()) == connect(target.connection())
    assert len(storage.sessions()) == 1
    for _ in range(2):
        process()._disconnect_volume(instance.uuid, target.connection())
    assert not any(storage.everything().values())


def test_a_wrong_password_leaves_nothing(targets, connect, instance, caplog):
    wrong = targets().connection(auth_password="not-the-password")
    with pytest.raises(exception.VolumeAttachFailed) as caught:
        connect(wrong)
    assert "not-the-password" not in caught.value.format_message() + caplog.text
    process().disconnect_all(instance, None)
    assert not any(storage.everything().values())


def test_the_password_is_in_no_log_and_no_record(targets, connect, instance, caplog, state_path):
    caplog.set_level("DEBUG")
    target = targets()
    connect(target.connection())
    process()._disconnect_volume(instance.uuid, target.connection())
    assert target.iqn in caplog.text
    assert PASSWORD not in caplog.text
    files = [path.read_text() for path in state_path.rglob("*.json")]
    assert PASSWORD not in "".join(files)


def test_two_volumes_of_one_target_share_a_session(targets, connect, instance):
    target = targets(luns=2)
    first, second = (connect(target.connection(lun)) for lun in (1, 2))
    assert first != second and len(storage.sessions()) == 1
    process()._disconnect_volume(instance.uuid, target.connection(1))
    storage.write(second, b"still there")
    assert storage.read(str(target.files[1]), 11) == b"still there"
    process()._disconnect_volume(instance.uuid, target.connection(2))


def test_a_volume_of_two_servers_is_disconnected_with_the_last(targets, connect, instance):
    target, other = targets(), servers.make_instance()
    device = connect(target.connection())
    process()._connect_volume(other.uuid, target.connection())
    process()._disconnect_volume(instance.uuid, target.connection())
    storage.write(device, b"of the other")
    process()._disconnect_volume(other.uuid, target.connection())
    assert storage.read(str(target.files[0]), 12) == b"of the other"


def test_unwritten_data_is_flushed(targets, connect, instance):
    """Another process has the device open, so the kernel does not flush it at the disconnection."""
    target = targets()
    with open(connect(target.connection()), "r+b") as device:
        device.write(b"in the page cache")
        device.flush()
        process()._disconnect_volume(instance.uuid, target.connection())
    assert storage.read(str(target.files[0]), 17) == b"in the page cache"


@pytest.mark.parametrize("when", [storage.known_targets, storage.sessions, storage.scsi_disks])
def test_a_service_that_dies_while_it_connects(targets, instance, when):
    """Its successor disconnects the volumes that it finds on the host; nothing else names them."""
    target = targets()
    connect_and_die(instance, target.connection(), when)
    assert process().connected_instances() == {instance.uuid}
    process().disconnect_all(instance, None)
    assert process().connected_instances() == set()


def test_a_successor_disconnects_the_volume_of_a_killed_service(targets, connect, instance):
    target = targets()
    connect_and_die(instance, target.connection(), storage.sessions)
    storage.write(connect(target.connection()), b"by the other")
    process()._disconnect_volume(instance.uuid, target.connection())
    assert storage.read(str(target.files[0]), 12) == b"by the other"


def test_a_server_is_deleted_whose_target_died(targets, connect, instance):
    target = targets()
    connect(target.connection())
    kill_tgtd()
    started = time.monotonic()
    process().disconnect_all(instance, None)
    assert not any(storage.everything().values())
    assert time.monotonic() - started < 60
