"""The service is killed during spawn and destroy: no incomplete file is left.

``tests/integration/cloud/crash`` kills it after every step.
"""

import os
import pathlib
import signal
import subprocess
import sys
import uuid

import pytest

from nova_mini.conf import CONF
from nova_mini.states import power_state
from nova_mini.virt.libvirt import utils
from tests.integration.libvirt import cloud

_STEPS = ["fetch", "fetch_to_raw", "Image.create_image", "LibvirtDriver._create_guest"]
REPOSITORY = pathlib.Path(__file__).parents[3]


def killed_after(step: str, action: str, instance, driver, tmp_path) -> None:
    """Do ``action`` in another process that dies by SIGKILL right after ``step``."""
    faults = tmp_path / "faults"
    faults.mkdir(exist_ok=True)
    (faults / step).touch()
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.integration.libvirt.cloud",
            action,
            instance.uuid,
            CONF.libvirt.connection_uri,
            CONF.state_path,
            str(driver._image_api._folder),
        ],
        cwd=REPOSITORY,
        env=os.environ | {"NOVA_MINI_FAULT_DIR": str(faults)},
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def assert_clean(driver, instance) -> None:
    assert driver.list_instance_uuids() == []
    assert instance.uuid not in driver._host.list_instance_uuids()
    left = {path.name for path in utils.instances_path().iterdir()}
    assert left == {"_base", "locks", "snapshots"}
    assert not [path for path in utils.base_dir().iterdir() if path.suffix]


@pytest.mark.parametrize("step", _STEPS)
def test_spawn_after_a_spawn_that_was_killed(driver, console, tmp_path, step):
    instance = cloud.instance_with(str(uuid.uuid4()), config_drive="True")
    killed_after(step, "spawn", instance, driver, tmp_path)
    cloud.spawn(driver, instance)
    assert driver.get_info(instance).state == power_state.RUNNING
    disk = utils.get_instance_path(instance) / "disk"
    subprocess.run(["qemu-img", "check", "-q", "-U", disk], check=True, timeout=30)
    if step == "Image.create_image":  # a boot takes longer than all the rest
        console(instance, f"uuid={instance.uuid}")
    driver.destroy(None, instance)
    assert_clean(driver, instance)


@pytest.mark.parametrize("step", _STEPS)
def test_destroy_after_a_spawn_that_was_killed(driver, tmp_path, step):
    instance = cloud.instance_with(str(uuid.uuid4()))
    killed_after(step, "spawn", instance, driver, tmp_path)
    assert driver.list_instance_uuids() == [instance.uuid]
    driver.destroy(None, instance)
    assert driver.list_instance_uuids() == []


@pytest.mark.parametrize("step", ["LibvirtDriver.unplug_vifs", "LibvirtDriver.destroy"])
def test_destroy_after_a_destroy_that_was_killed(driver, tmp_path, step):
    instance = cloud.instance_with(str(uuid.uuid4()))
    cloud.spawn(driver, instance)
    killed_after(step, "destroy", instance, driver, tmp_path)
    driver.destroy(None, instance)
    assert_clean(driver, instance)
