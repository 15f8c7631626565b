"""A host whose configuration does not fit the disks of its guests does not start. The domains are
defined in libvirt's test driver."""

from __future__ import annotations

import pytest

from nova_mini import exception
from nova_mini.virt.libvirt import disk_places, utils
from nova_mini.virt.libvirt.events import EventHandler
from nova_mini.virt.libvirt.host import Host
from nova_mini.virt.libvirt.imagebackend.factory import load_backend
from nova_mini.virt.libvirt.imagebackend.file import Backend
from tests import servers
from tests.unit.virt.libvirt.test_host import OURS, XML

DISK = """<disk type='file' device='{device}'><driver name='qemu' type='{format}'/>
<source file='{path}'/><target dev='{dev}' bus='virtio'/></disk>"""
CEPH = """<disk type='network' device='disk'><driver name='qemu' type='raw'/>
<source protocol='rbd' name='{path}'><host name='h' port='6789'/></source>
<target dev='{dev}' bus='virtio'/></disk>"""


@pytest.fixture
def host():
    made = Host("test:///default", EventHandler(lambda event: None))
    made.initialize()
    yield made
    for guest in made.list_guests():
        guest.delete_configuration()


@pytest.fixture
def define(host):
    """``define(disk, ...)`` defines a guest of this service; ``{uuid}`` in the XML of a disk is
    replaced."""

    def make(*disks: str, metadata: str = OURS):
        instance = servers.make_instance()
        xml = XML.format(name=instance.name, uuid=instance.uuid, metadata=metadata)
        devices = "".join(disks).replace("{uuid}", instance.uuid)
        return host.write_instance_config(
            xml.replace("</domain>", f"<devices>{devices}</devices></domain>")
        )

    return make


def file_disk(driver_format: str, name="disk", dev="vda", folder=None) -> str:
    path = f"{folder or utils.instances_path()}/{{uuid}}/{name}"
    return DISK.format(format=driver_format, path=path, dev=dev, device="disk")


def test_disks_that_fit_the_configuration(host, define, tmp_path, override):
    """Volumes and domains of other services are not checked."""
    volumes = [
        CEPH.format(path="volumes/volume-1", dev="vdc"),
        DISK.format(format="raw", path="/mnt/share/volume-2", dev="vdd", device="disk"),
    ]
    eph, drive = file_disk("qcow2", "disk.eph0", "vdb"), file_disk("raw", "disk.config", "vde")
    define(file_disk("qcow2"), eph, drive, *volumes)
    foreign = define(file_disk("raw"), metadata="")
    disk_places.check(host, Backend("qcow2"))
    disk_places.check(host, Backend("default"))
    (tmp_path / "other-name").symlink_to(utils.instances_path())
    override("instances_path", str(tmp_path / "other-name"))
    disk_places.check(host, Backend("qcow2"))
    foreign.delete_configuration()


@pytest.mark.parametrize("images_type", ["raw", "flat"])
def test_disks_in_another_format(host, define, images_type):
    guest = define(file_disk("qcow2"))
    with pytest.raises(exception.ConfigurationError) as caught:
        disk_places.check(host, Backend(images_type))
    message = str(caught.value)
    assert "1 of the servers on this host have disks that do not fit" in message
    assert f"Server {guest.uuid} has the disk file /" in message
    assert f"/{guest.uuid}/disk (qcow2), but" in message and "images_type" in message


def test_disks_in_ceph_where_files_are_expected(host, define):
    define(CEPH.format(path="vms/{uuid}_disk.swap", dev="vdb"))
    with pytest.raises(
        exception.ConfigurationError, match="has the disk rbd vms/.*_disk.swap .raw."
    ):
        disk_places.check(host, Backend("qcow2"))


def test_disks_in_another_folder(host, define, override, tmp_path):
    define(file_disk("qcow2"), file_disk("qcow2", "disk.eph0", "vdb"))
    override("instances_path", str(tmp_path / "elsewhere"))
    with pytest.raises(exception.ConfigurationError, match="1 of the servers"):
        disk_places.check(host, Backend("qcow2"))


def test_disks_in_a_volume_group(host, define, override):
    override("images_volume_group", "guests", "libvirt")
    block = "<disk type='block' device='disk'><source dev='{path}'/><target dev='{dev}'/></disk>"
    volume = block.format(path="/dev/sdb", dev="vdc")
    define(block.format(path="/dev/guests/{uuid}_disk", dev="vda"), volume)
    disk_places.check(host, load_backend("lvm", None))
    override("images_volume_group", "others", "libvirt")
    with pytest.raises(
        exception.ConfigurationError, match="expects block /dev/others/.*_disk .raw."
    ):
        disk_places.check(host, load_backend("lvm", None))
    with pytest.raises(
        exception.ConfigurationError, match="has the disk block /dev/guests/.*_disk .raw."
    ):
        disk_places.check(host, Backend("qcow2"))
