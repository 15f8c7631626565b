"""Fibre channel without a fabric: os-brick and the kernel's disk are real, the adapter is not.

No emulated machine has a fibre channel adapter. The tests make its entry in sysfs and the link that
udev would make; the link refers to a disk of the kernel's SCSI test driver.
"""

import pathlib

import pytest
from os_brick.initiator import linuxfc

from nova_mini import exception
from nova_mini.virt.libvirt.volume import brick, drivers
from tests.functional.harness.waiting import until
from tests.nightly import storage
from tests.nightly.conftest import process

pytestmark = pytest.mark.nightly
ADAPTER, NODE, TARGET = "10008c7cff523b01", "20008c7cff523b01", "500a09834b8aa801"
SLOT = "0000:00:1f.0"


@pytest.fixture
def adapter(tmp_path, monkeypatch):
    """The entries in sysfs of an adapter that is in a slot and online."""
    entry = tmp_path / f"devices/pci0000:00/{SLOT}/host9/fc_host/host9"
    entry.mkdir(parents=True)
    for name, value in {
        "port_name": f"0x{ADAPTER}",
        "node_name": f"0x{NODE}",
        "port_state": "Online",
    }.items():
        (entry / name).write_text(value)
    everyone = tmp_path / "fc_host"
    everyone.mkdir()
    (everyone / "host9").symlink_to(entry)
    monkeypatch.setattr(linuxfc.LinuxFibreChannel, "FC_HOST_SYSFS_PATH", str(everyone))
    brick._connector_properties.cache_clear()
    yield
    brick._connector_properties.cache_clear()


@pytest.fixture
def disk(nothing_left):
    """A SCSI disk of 8 MiB."""
    storage.run("modprobe", "scsi_debug", "dev_size_mb=8")
    (name,) = until("the disk", storage.scsi_disks, 30)
    storage.run("udevadm", "settle")
    link = pathlib.Path(f"/dev/disk/by-path/pci-{SLOT}-fc-0x{TARGET}-lun-1")
    link.symlink_to(f"/dev/{name}")
    yield link
    link.unlink(missing_ok=True)
    # Reactions to the removal of the disk may keep it open for a short time.
    remove = ("modprobe", "--remove", "scsi_debug")
    until("the disk to go", lambda: storage.succeeds(*remove), 30, pause=0.5)


def volume(lun: int = 1, **data) -> dict:
    return {
        "driver_volume_type": "fibre_channel",
        "serial": "2f0f4b0c-0000-4000-8000-000000000001",
        "data": {
            "target_discovered": True,
            "target_wwn": [TARGET.upper()],
            "target_lun": lun,
            "initiator_target_map": {ADAPTER: [TARGET]},
            **data,
        },
    }


def test_the_connector_of_this_host(adapter):
    connector = drivers.get_volume_connector("host1")
    assert (connector["wwpns"], connector["wwnns"]) == ([ADAPTER], [NODE])


def test_there_and_back(adapter, disk, connect, instance):
    assert connect(volume()) == str(disk)
    storage.write(str(disk), b"by the host")
    assert storage.read(str(disk), 11) == b"by the host"
    process()._disconnect_volume(instance.uuid, volume())
    assert storage.scsi_disks() == []


def test_a_volume_that_the_fabric_does_not_show(adapter, disk, connect, instance, override):
    override("num_volume_scan_tries", 1, "libvirt")
    with pytest.raises(exception.VolumeAttachFailed):
        connect(volume(lun=7))
    process().disconnect_all(instance, None)
    assert len(storage.scsi_disks()) == 1


def test_ports_of_a_target_in_the_plural(adapter, disk, connect, instance):
    """The form of the ports in the connection info of some of Cinder's drivers."""
    connection = volume()
    data = connection["data"]
    data["target_wwns"], data["target_luns"] = data.pop("target_wwn"), [data.pop("target_lun")]
    assert connect(connection) == str(disk)
    process().disconnect_all(instance, None)
    assert storage.scsi_disks() == []


def test_a_host_without_an_adapter(connect, instance):
    with pytest.raises(exception.VolumeAttachFailed):
        connect(volume())
    process().disconnect_all(instance, None)
