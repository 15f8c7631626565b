"""Volumes in NFS shares: a share is mounted for its first volume, and unmounted after its last."""

import pathlib

import pytest

from nova_mini import exception
from tests import servers
from tests.nightly import storage
from tests.nightly.conftest import process

pytestmark = pytest.mark.nightly
EXPORT = "127.0.0.1:/srv/volumes"
EXPORTED = pathlib.Path("/srv/volumes")


@pytest.fixture(autouse=True)
def share(nothing_left):
    storage.run("systemctl", "start", "nfs-server")
    yield
    for volume in EXPORTED.glob("volume-*"):
        volume.unlink()


def volume(name: str) -> dict:
    """The connection info of a volume, whose file exists."""
    with (EXPORTED / name).open("wb") as file:
        file.truncate(1 << 20)
    data = {"export": EXPORT, "name": name, "format": "raw"}
    return {"driver_volume_type": "nfs", "serial": name, "data": data}


def test_there_and_back(connect, instance):
    path = pathlib.Path(connect(volume("volume-1")))
    path.write_bytes(b"by the host")
    assert (EXPORTED / "volume-1").read_bytes() == b"by the host"
    assert storage.shares() == [EXPORT]
    for _ in range(2):
        process()._disconnect_volume(instance.uuid, volume("volume-1"))
    assert storage.shares() == [] and not path.exists()


def test_a_share_is_used_until_its_last_volume(connect, instance):
    other = servers.make_instance()
    connect(volume("volume-1"))
    process()._connect_volume(other.uuid, volume("volume-2"))
    process()._disconnect_volume(instance.uuid, volume("volume-1"))
    assert storage.shares() == [EXPORT]
    process()._disconnect_volume(other.uuid, volume("volume-2"))
    assert storage.shares() == []


def test_a_missing_share(connect, instance):
    connection = volume("volume-1")
    connection["data"]["export"] = "127.0.0.1:/srv/nothing"
    with pytest.raises(exception.VolumeAttachFailed):
        connect(connection)
    process().disconnect_all(instance, None)
    assert storage.shares() == []


def test_a_server_is_deleted_whose_share_died(connect, instance):
    path = connect(volume("volume-1"))
    pathlib.Path(path).write_bytes(b"before")
    storage.run("systemctl", "stop", "nfs-server")
    process().disconnect_all(instance, None)
    assert storage.shares() == []
