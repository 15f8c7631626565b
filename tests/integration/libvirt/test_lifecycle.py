"""The life of a guest from its first boot to its deletion."""

import json
import pathlib
import queue
import subprocess
import time

import pytest

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.objects.network_model import NetworkInfo
from nova_mini.states import power_state
from nova_mini.virt.driver.power_states import LifecycleTransition
from nova_mini.virt.libvirt import utils
from tests import servers
from tests.integration.libvirt import cloud


def files_of(instance) -> set[str]:
    return {path.name for path in utils.get_instance_path(instance).iterdir()}


def cached_images() -> list[pathlib.Path]:
    return sorted(utils.base_dir().iterdir())


def disk_info(path) -> dict:
    output = subprocess.check_output(["qemu-img", "info", "-U", "--output=json", path])
    return json.loads(output)


@pytest.mark.parametrize("image_id", [cloud.RAW, cloud.QCOW2])
def test_a_guest_boots_and_reads_its_config_drive(driver, console, image_id):
    instance = servers.make_instance(
        image_ref=image_id,
        config_drive="True",
        user_data="IyEvYmluL3NoCmVjaG8gImhlbGxvIGZyb20gdXNlci1kYXRhIgo=",
    )
    cloud.spawn(driver, instance, admin_password="secret-password")
    assert driver.get_info(instance).state == power_state.RUNNING

    printed = console(instance, "hello from user-data")
    assert f"uuid={instance.uuid}" in printed
    assert "metadata=configdrive:/dev/sr0" in printed
    assert driver.list_instance_uuids() == [instance.uuid]
    assert driver.get_power_states()[instance.uuid] == power_state.RUNNING
    assert {"disk", "disk.config", "libvirt.xml", "console.log"} == files_of(instance)
    assert (utils.get_instance_path(instance) / "disk.config").stat().st_mode & 0o077 == 0
    assert disk_info(utils.get_instance_path(instance) / "disk")["virtual-size"] == 1 << 30

    driver.destroy(None, instance)
    assert driver.list_instance_uuids() == []
    assert not utils.get_instance_path(instance).exists()
    with pytest.raises(exception.InstanceNotFound):
        driver.get_info(instance)
    assert len(cached_images()) == 1
    driver.destroy(None, instance)


def with_images_type(driver, images_type):
    """The driver of a service with another ``images_type``."""
    CONF.set_override("images_type", images_type, group="libvirt")
    folder = driver._image_api._folder
    return cloud.make_driver(CONF.libvirt.connection_uri, pathlib.Path(CONF.state_path), folder)


@pytest.mark.parametrize("images_type", ["qcow2", "raw"])
def test_ephemeral_disk_and_swap_are_there_and_formatted(driver, console, images_type):
    fresh = with_images_type(driver, images_type)
    flavor = servers.make_flavor(ephemeral_gb=1, swap=32)
    instance = servers.make_instance(flavor)
    cloud.spawn(fresh, instance)
    console(instance, "GUEST: ready")
    disks = fresh._host.get_guest(instance).get_devices().disks
    assert [disk.target_dev for disk in disks] == ["vda", "vdb", "vdc"]
    assert {disk.driver_format for disk in disks} == {images_type}
    assert disk_info(disks[1].source_path)["virtual-size"] == 1 << 30
    assert disk_info(disks[2].source_path)["virtual-size"] == 32 << 20
    other = {"qcow2": "raw", "raw": "qcow2"}[images_type]
    with pytest.raises(exception.ConfigurationError, match=f"{instance.uuid}.*{images_type}"):
        with_images_type(driver, other)
    with_images_type(driver, images_type)
    CONF.clear_override("images_type", group="libvirt")


def test_a_kernel_and_a_ramdisk_boot_an_image_without_a_boot_loader(driver, console):
    instance = servers.make_instance(kernel_id=cloud.KERNEL, ramdisk_id=cloud.RAMDISK)
    cloud.spawn(driver, instance)
    console(instance, "GUEST: boot=1")
    xml = (utils.get_instance_path(instance) / "libvirt.xml").read_text()
    assert f"<kernel>{utils.get_instance_path(instance)}/kernel</kernel>" in xml


def test_a_running_guest_reads_files_that_are_closed_to_others(driver):
    """They belong to QEMU's user, also the cached images to which disks refer."""
    instance = servers.make_instance(
        servers.make_flavor(ephemeral_gb=1, swap=1),
        config_drive="True",
        kernel_id=cloud.KERNEL,
        ramdisk_id=cloud.RAMDISK,
    )
    cloud.spawn(driver, instance)
    folder = utils.get_instance_path(instance)
    (process,) = [
        path.parent
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline")
        if instance.uuid.encode() in path.read_bytes() and b"qemu" in path.read_bytes()
    ]
    for path in [*folder.iterdir(), *utils.base_dir().iterdir()]:
        assert path.stat().st_mode & 0o077 == 0, path
    for name in ("disk", "disk.eph0", "disk.swap", "disk.config", "kernel", "ramdisk"):
        assert (folder / name).stat().st_uid == process.stat().st_uid, name
    assert folder.stat().st_mode & 0o777 == 0o711


def test_hardware_requested_by_the_image(driver, console):
    properties = {
        "hw_disk_bus": "scsi",
        "hw_machine_type": "q35",
        "hw_qemu_guest_agent": "yes",
        "hw_watchdog_action": "reset",
        "hw_pointer_model": "usbtablet",
        "hw_video_model": "virtio",
    }
    kept = {f"image_{name}": value for name, value in properties.items()}
    flavor = servers.make_flavor(
        vcpus=2, extra_specs={"hw:cpu_cores": "2", "quota:disk_write_iops_sec": "5000"}
    )
    instance = servers.make_instance(flavor, system_metadata=kept)
    image_meta = cloud.ImageMeta.from_instance(instance)
    driver.spawn(None, instance, image_meta, [], None, NetworkInfo(), None)
    assert "root=/dev/sda2" in console(instance, "GUEST: boot=1")


def test_a_domain_that_libvirt_refuses_is_logged_and_leaves_nothing(driver, caplog):
    CONF.set_override("cpu_mode", "custom", group="libvirt")
    CONF.set_override("cpu_models", ["abacus"], group="libvirt")
    instance = servers.make_instance()
    with pytest.raises(exception.HypervisorError, match="abacus"):
        cloud.spawn(driver, instance, admin_password="secret-password")
    assert f"<uuid>{instance.uuid}</uuid>" in caplog.text
    assert "secret-password" not in caplog.text
    CONF.clear_override("cpu_mode", group="libvirt")
    CONF.clear_override("cpu_models", group="libvirt")
    driver.destroy(None, instance)
    assert driver.list_instance_uuids() == []


def test_power_operations(driver, console):
    instance = servers.make_instance()
    no_network = NetworkInfo()
    cloud.spawn(driver, instance)
    console(instance, "GUEST: ready")

    for change, state in (
        (lambda: driver.pause(instance), power_state.PAUSED),
        (lambda: driver.unpause(instance), power_state.RUNNING),
        (lambda: driver.suspend(None, instance), power_state.SHUTDOWN),
        (lambda: driver.resume(None, instance, no_network), power_state.RUNNING),
    ):
        for _again in range(2):
            change()
            assert driver.get_info(instance).state == state
    assert "boot=2" not in driver.get_console_output(None, instance).decode()

    driver.reboot(None, instance, no_network, "SOFT")
    printed = console(instance, "GUEST: boot=2")
    assert "power button" in printed
    console(instance, "GUEST: ready")

    driver.power_off(instance, timeout=30, retry_interval=5)
    assert driver.get_info(instance).state == power_state.SHUTDOWN
    driver.power_off(instance)
    driver.power_on(None, instance, no_network)
    driver.power_on(None, instance, no_network)
    console(instance, "GUEST: boot=3")

    driver.reboot(None, instance, no_network, "HARD")
    assert driver.get_info(instance).state == power_state.RUNNING


def test_a_guest_that_does_not_listen_is_switched_off(driver):
    instance = servers.make_instance()
    cloud.spawn(driver, instance)
    started = time.monotonic()
    driver.power_off(instance, timeout=1, retry_interval=1)
    assert driver.get_info(instance).state == power_state.SHUTDOWN
    assert time.monotonic() - started < 10


def test_a_hard_reboot_makes_a_lost_domain_and_a_lost_base_anew(driver, console):
    instance = servers.make_instance()
    cloud.spawn(driver, instance)
    guest = driver._host.get_guest(instance)
    guest.poweroff()
    guest.delete_configuration()
    for path in cached_images():
        path.unlink()
    driver.reboot(None, instance, NetworkInfo(), "HARD")
    console(instance, "GUEST: ready")


def test_a_guest_that_powers_off_by_itself_is_reported(driver, console):
    seen = queue.SimpleQueue()
    driver.register_event_listener(seen.put)
    instance = servers.make_instance()
    cloud.spawn(driver, instance)
    console(instance, "GUEST: ready")
    driver._host.get_guest(instance).shutdown()
    while (event := seen.get(timeout=20)).transition is not LifecycleTransition.STOPPED:
        assert event.uuid == instance.uuid
    assert event.uuid == instance.uuid


@pytest.mark.parametrize("running", [True, False])
def test_a_snapshot_is_complete_and_boots(driver, console, running):
    instance = servers.make_instance()
    cloud.spawn(driver, instance)
    console(instance, "GUEST: ready")
    if not running:
        driver.power_off(instance, timeout=30, retry_interval=5)
    states = []
    driver.snapshot(None, instance, "snapshot", lambda **state: states.append(state))
    assert [state["task_state"] for state in states] == ["image_pending_upload", "image_uploading"]
    uploaded = disk_info(driver._image_api.uploads / "snapshot")
    assert uploaded["format"] == "qcow2"
    assert "backing-filename" not in uploaded
    assert not list(pathlib.Path(CONF.libvirt.snapshots_directory).iterdir())
    driver.destroy(None, instance)

    copy = servers.make_instance(image_ref="snapshot")
    cloud.spawn(driver, copy)
    console(copy, "GUEST: boot=2" if not running else "GUEST: boot=")
    console(copy, "GUEST: ready")


def test_the_image_cache_keeps_what_a_disk_needs(driver):
    CONF.set_override("remove_unused_original_minimum_age_seconds", 0, group="image_cache")
    instance = servers.make_instance()
    cloud.spawn(driver, instance)
    driver.manage_image_cache(None, set())
    assert len(cached_images()) == 1
    driver.destroy(None, instance)
    driver.manage_image_cache(None, {instance.image_ref})
    assert len(cached_images()) == 1
    driver.manage_image_cache(None, set())
    assert cached_images() == []
    CONF.clear_override("remove_unused_original_minimum_age_seconds", group="image_cache")


def test_resources_of_the_host(driver):
    found = driver.get_available_resource()
    total = int(pathlib.Path("/proc/meminfo").read_text().split()[1]) // 1024
    assert found.memory_mb == total
    assert found.disk_available_least <= found.local_gb
    assert [found.cpu_info["arch"], "qemu", "hvm"] in found.supported_instances
    assert {"COMPUTE_NODE", "COMPUTE_STORAGE_BUS_VIRTIO"} <= set(found.traits)
    if found.cpu_info["arch"] == "x86_64":
        assert "HW_CPU_X86_SSE2" in found.traits
    assert driver.is_available()
