"""A guest on logical volumes. It is slow, because it is emulated twice; so there is one test."""

from __future__ import annotations

import os
import pathlib
import time

import pytest

from nova_mini.conf import CONF
from nova_mini.states import power_state
from nova_mini.virt.libvirt import utils
from tests import servers
from tests.integration.libvirt import cloud
from tests.nightly import storage
from tests.nightly.relay import GUEST
from tests.nightly.test_lvm_disks import GROUP, device  # noqa: F401

BOOT_SECONDS = 280

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(GUEST not in os.environ, reason=f"{GUEST} names no images"),
]


@pytest.fixture
def driver(device, override):  # noqa: F811
    state_path = pathlib.Path("/var/lib/nova-mini")  # not in a place that QEMU may not enter
    state_path.mkdir()
    storage.run("systemctl", "start", "virtlogd.socket", "libvirtd")
    override("images_type", "lvm", "libvirt")
    override("images_volume_group", GROUP, "libvirt")
    made = cloud.make_driver("qemu:///system", state_path, pathlib.Path(os.environ[GUEST]))
    yield made
    for uuid in made.list_instance_uuids():
        made.destroy(None, cloud.instance_with(uuid))
    for name, group in cloud.OVERRIDDEN:
        CONF.clear_override(name, group=group)
    storage.run("systemctl", "stop", "libvirtd.service", "libvirtd.socket", "virtlogd.service")


def await_console(driver, instance, text: str) -> None:
    deadline = time.monotonic() + BOOT_SECONDS
    while text not in (output := driver.get_console_output(None, instance).decode()):
        assert time.monotonic() < deadline, output
        time.sleep(1)


def boot_count_on(disk: pathlib.Path) -> str:
    """The number of boots from the disk, which the guest has written on its second partition."""
    with disk.open("rb") as stream:
        stream.seek(446 + 16 + 8)  # of the partition table's second entry: where it starts
        start = int.from_bytes(stream.read(4), "little") * 512
    command = ["debugfs", "-R", "cat /var/lib/guest/boots", f"{disk}?offset={start}"]
    return storage.run(*command).strip()


def test_a_guest_runs_from_logical_volumes(driver):
    instance = servers.make_instance(servers.make_flavor(swap=16), config_drive="True")
    cloud.spawn(driver, instance)
    assert driver.get_info(instance).state == power_state.RUNNING
    disks = driver._host.get_guest(instance).get_devices().disks
    assert [disk.place[::2] for disk in disks] == [
        ("block", f"/dev/{GROUP}/{instance.uuid}_disk"),
        ("block", f"/dev/{GROUP}/{instance.uuid}_disk.swap"),
        ("file", str(utils.get_instance_path(instance) / "disk.config")),
    ]
    await_console(driver, instance, "GUEST: ready")
    driver.snapshot(None, instance, "snapshot", lambda **state: None)
    copy = driver._image_api.uploads / "snapshot"
    assert copy.stat().st_size == 1 << 30
    assert boot_count_on(copy) == "1", "the guest wrote this"
    driver.destroy(None, instance)
    assert driver.list_instance_uuids() == [] and storage.volumes(GROUP) == []
