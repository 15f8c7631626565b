"""Volumes of the real Cinder in LVM, offered by the kernel's target."""

import os
import pathlib

import pytest

from nova_mini.virt.libvirt.volume import drivers
from tests.nightly import storage
from tests.nightly.conftest import process
from tests.nightly.volume_service import GROUP, HOME, Cinder

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(HOME not in os.environ, reason=f"{HOME} names no Cinder"),
]
GiB = 1 << 30


@pytest.fixture(scope="module")
def cinder(tmp_path_factory, iscsid):
    started = Cinder(tmp_path_factory.mktemp("cinder"))
    started.start()
    yield started
    started.stop()


@pytest.fixture
def volume(cinder, nothing_left):
    made = cinder.create(1)
    yield made
    cinder.delete(made)
    assert made not in storage.run("lvs", GROUP)


def behind(volume: str) -> str:
    """The logical volume of a volume."""
    return str(pathlib.Path("/dev", GROUP, f"volume-{volume}"))


def test_there_and_back(cinder, volume, connect, instance):
    attachment = cinder.attach(volume, drivers.get_volume_connector("host1"))
    data = attachment.connection_info["data"]
    assert (data["auth_method"], data["target_portal"]) == ("CHAP", "127.0.0.1:3262")
    device = connect(attachment.connection_info)
    assert storage.size(device) == GiB
    storage.write(device, b"by the host", offset=8192)
    assert storage.read(behind(volume), 11, offset=8192) == b"by the host"
    process()._disconnect_volume(instance.uuid, attachment.connection_info)
    assert not any(storage.everything().values())
    cinder.detach(attachment)


@pytest.mark.parametrize("multipath", [False, True])
def test_a_volume_that_grows_in_use(cinder, volume, connect, instance, override, multipath):
    if multipath:
        storage.run("modprobe", "dm_multipath")
        storage.run("systemctl", "start", "multipathd")
        override("volume_use_multipath", True, "libvirt")
    attachment = cinder.attach(volume, drivers.get_volume_connector("host1"))
    device = connect(attachment.connection_info)
    assert bool(storage.multipath_maps()) == multipath
    cinder.extend(volume, 2)
    process().extend(None, attachment.connection_info, "/dev/vdb", 2 * GiB)
    assert storage.size(device) == 2 * GiB
    process().disconnect_all(instance, None)
    cinder.detach(attachment)
