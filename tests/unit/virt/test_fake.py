"""The fake driver behaves like a hypervisor: its guests survive a restart of the service."""

import io
import time

import pytest

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.objects.network_model import NetworkInfo
from nova_mini.states import power_state
from nova_mini.virt.driver import load_compute_driver
from nova_mini.virt.fake import FakeDriver
from tests import servers


def make_driver(host="host") -> FakeDriver:
    driver = load_compute_driver(None, "fake.FakeDriver")
    driver.init_host(host)
    return driver


def spawn(driver, instance, vifs=()):
    driver.spawn(None, instance, None, [], None, NetworkInfo(vifs))


@pytest.fixture
def driver():
    return make_driver()


def test_uptime_is_that_of_the_machine(driver):
    assert driver.get_available_resource().host_uptime.startswith("up ")


def test_console_of_a_booted_guest_has_several_lines(driver):
    instance = servers.make_instance()
    spawn(driver, instance)
    *_, last = lines = driver.get_console_output(None, instance).splitlines()
    assert len(lines) == 3
    assert last == f"FAKE: {instance.hostname} booted".encode()


def test_power_operations(driver):
    instance = servers.make_instance()
    spawn(driver, instance)
    states = []
    for change in (
        lambda: driver.pause(instance),
        lambda: driver.unpause(instance),
        lambda: driver.suspend(None, instance),
        lambda: driver.resume(None, instance, []),
        lambda: driver.power_off(instance),
        lambda: driver.power_on(None, instance, []),
        lambda: driver.reboot(None, instance, [], "HARD"),
    ):
        change()
        states.append(driver.get_info(instance).state)
    assert states == [
        power_state.PAUSED,
        power_state.RUNNING,
        power_state.SHUTDOWN,
        power_state.RUNNING,
        power_state.SHUTDOWN,
        power_state.RUNNING,
        power_state.RUNNING,
    ]
    assert b"reboot HARD" in driver.get_console_output(None, instance)


def test_an_unknown_instance_is_not_found(driver):
    instance = servers.make_instance()
    with pytest.raises(exception.InstanceNotFound):
        driver.get_info(instance)
    driver.destroy(None, instance)


def test_guests_survive_a_restart_and_belong_to_one_host(driver):
    running, stopped = servers.make_instance(), servers.make_instance()
    spawn(driver, running)
    spawn(driver, stopped)
    driver.power_off(stopped)
    successor = make_driver()
    assert successor.get_power_states() == {
        running.uuid: power_state.RUNNING,
        stopped.uuid: power_state.SHUTDOWN,
    }
    assert make_driver("other").list_instance_uuids() == []
    successor.destroy(None, running)
    assert make_driver().list_instance_uuids() == [stopped.uuid]


def test_attach_and_detach_are_idempotent(driver):
    vif, more = servers.make_vif(), servers.make_vif()
    instance = servers.make_instance()
    spawn(driver, instance, [vif])
    for _again in range(2):
        driver.attach_interface(None, instance, None, more)
        driver.attach_volume(None, {"serial": "volume"}, instance, "/dev/vdb")
    guest = make_driver()._get(instance)
    assert guest.vifs == [vif.id, more.id]
    assert guest.volumes == {"/dev/vdb": "volume"}
    for _again in range(2):
        driver.detach_interface(None, instance, more)
        driver.detach_volume(None, {}, instance, "/dev/vdb")
    guest = make_driver()._get(instance)
    assert guest.vifs == [vif.id]
    assert guest.volumes == {}


def test_a_snapshot_is_uploaded(driver):
    class Images:
        def update(self, context, image_id, **properties):
            self.properties = properties

        def upload(self, context, image_id, fileobj: io.IOBase):
            self.content = fileobj.read()

    driver._image_api = images = Images()
    instance = servers.make_instance()
    spawn(driver, instance)
    states = []
    driver.snapshot(None, instance, "image", lambda **state: states.append(state["task_state"]))
    assert states == ["image_pending_upload", "image_uploading"]
    assert images.properties["disk_format"] == "raw"
    assert instance.uuid.encode() in images.content


def test_spawn_waits_for_spawn_delay(driver, override):
    override("spawn_delay", 0.2, "fake")
    started = time.monotonic()
    spawn(driver, servers.make_instance())
    assert time.monotonic() - started >= 0.2


def test_resources_are_set_by_the_configuration(driver, override):
    override("vcpus", 7, "fake")
    found = driver.get_available_resource()
    assert found.vcpus == 7
    assert found.hypervisor_hostname == "host"


def test_an_unknown_driver_is_a_configuration_error():
    with pytest.raises(exception.ConfigurationError, match="nonsense"):
        load_compute_driver(None, "nonsense.Driver")


def test_diagnostics_have_the_sizes_of_the_guest_and_no_counters(driver):
    instance = servers.make_instance(
        servers.make_flavor(vcpus=2), launched_at=None, network_info=NetworkInfo()
    )
    spawn(driver, instance)
    assert driver.get_diagnostics(instance) == {"memory": 96 * 1024}
    found = driver.get_instance_diagnostics(instance).to_dict()
    assert (found["state"], found["num_cpus"], found["num_nics"]) == ("running", 2, 0)
    assert found["memory_details"] == {"maximum": 96, "used": None}
    assert found["cpu_details"][1] == {"id": 1, "time": None, "utilisation": None}
    unknown = servers.make_instance()
    with pytest.raises(exception.InstanceNotFound):
        driver.get_diagnostics(unknown)


def test_metadata_requests_faults_only_where_they_are_allowed(driver):
    instance = servers.make_instance(metadata={"fake:fail_spawn_on": "*"})
    spawn(driver, instance)
    CONF.set_override("faults", "admins", group="fake")
    try:
        with pytest.raises(exception.HypervisorError):
            spawn(driver, instance)
    finally:
        CONF.clear_override("faults", group="fake")
