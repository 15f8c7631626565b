"""A daemon is killed after each step of an operation, which still ends as requested."""

from __future__ import annotations

import pytest

from tests.integration.cloud.crash import injection, operations
from tests.integration.cloud.crash.operations import Operation

# The steps that the fake driver does not have. The functional tests kill a compute at the others.
_OF_LIBVIRT = ("LibvirtDriver.", "Guest.", "Host.", "RBDDriver.", "Rbd.")


def _die_after_each(
    operation: Operation,
    name: str,
    cloud,
    boot,
    instruments,
    subtests,
    record,
    among: tuple[str, ...] = ("",),
) -> None:
    """Kill a compute after each step of the operation whose name begins with one of ``among``."""
    found = injection.discover(cloud, boot, operation, "compute")
    steps = [step for step in found if step.startswith(among)]
    assert len(steps) > 3, found
    for step in steps:
        with subtests.test(step):
            seconds = injection.run(cloud, boot, operation, step, instruments)
            record(name, f"death after {step}", seconds)


def test_compute_dies_while_libvirt_builds(cloud, boot, instruments, subtests, record):
    faults = (cloud, boot, instruments, subtests, record)
    _die_after_each(operations.BUILD, "build", *faults, among=_OF_LIBVIRT)


@pytest.mark.long
def test_compute_dies_in_a_build(cloud, boot, instruments, subtests, record):
    _die_after_each(operations.BUILD, "build", cloud, boot, instruments, subtests, record)


# The functional tests kill these three at their other steps, which do not depend on the driver.
@pytest.mark.parametrize(
    "step",
    [
        "API._create_instance",
        "ServersController.create",
        "SchedulerManager.select_destinations",
        "BuildTask._schedule_instances",
        "ComputeAPI.build_and_run_instance",
    ],
)
def test_another_service_dies_in_a_build(step, cloud, boot, instruments, record):
    record(
        "build",
        f"death after {step}",
        injection.run(cloud, boot, operations.BUILD_FOR_SURE, step, instruments),
    )


@pytest.mark.parametrize("step", ["LibvirtDriver.unplug_vifs", "LibvirtDriver._remove_disks"])
def test_compute_dies_while_libvirt_deletes(step, cloud, boot, instruments, record):
    seconds = injection.run(cloud, boot, operations.DELETE, step, instruments)
    record("delete", f"death after {step}", seconds)


@pytest.mark.long
def test_compute_dies_in_a_delete(cloud, boot, instruments, subtests, record):
    _die_after_each(operations.DELETE, "delete", cloud, boot, instruments, subtests, record)


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("delete", "before ComputeAPI.send"),
        ("delete", "ComputeAPI.send"),
        ("reboot", "before ComputeAPI.send"),
    ],
)
def test_the_api_dies_when_it_has_committed(name, moment, cloud, boot, instruments, record):
    operation = {"delete": operations.DELETE, "reboot": operations.REBOOT}[name]
    record(
        name,
        f"death of the API, {moment}",
        injection.run(cloud, boot, operation, moment, instruments),
    )


@pytest.mark.parametrize("step", ["LibvirtDriver._create_image", "Guest.launch", "reboot"])
def test_compute_dies_in_a_reboot(step, cloud, boot, instruments, record):
    record(
        "reboot",
        f"death after {step}",
        injection.run(cloud, boot, operations.REBOOT, step, instruments),
    )


@pytest.mark.parametrize("step", ["LibvirtDriver.destroy", "LibvirtDriver.spawn", "rebuild"])
def test_compute_dies_in_a_rebuild(step, cloud, boot, instruments, record):
    operation = operations.rebuild(cloud.image("mini-raw"))
    record(
        "rebuild", f"death after {step}", injection.run(cloud, boot, operation, step, instruments)
    )


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("rescue", "rescue.remove_disks"),
        ("rescue", "rescue.create_disks"),
        pytest.param("rescue", "Guest.launch", marks=pytest.mark.long),
        ("rescue", "LibvirtDriver.rescue"),
        ("unrescue", "Guest.launch"),
        ("unrescue", "rescue.remove_disks"),
    ],
)
def test_compute_dies_in_a_rescue(name, step, cloud, boot, instruments, record):
    operation = {"rescue": operations.RESCUE, "unrescue": operations.UNRESCUE}[name]
    record(name, f"death after {step}", injection.run(cloud, boot, operation, step, instruments))


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("shelve", "LibvirtDriver.snapshot"),
        ("shelve", "LibvirtDriver.destroy"),
        ("shelve", "_release_ports"),
        ("unshelve", "_connect"),
        pytest.param("unshelve", "LibvirtDriver._create_image", marks=pytest.mark.long),
        ("unshelve", "LibvirtDriver.spawn"),
        ("unshelve", "_forget_image"),
    ],
)
def test_compute_dies_in_a_shelving(name, step, cloud, boot, instruments, record):
    operation = {"shelve": operations.SHELVE, "unshelve": operations.UNSHELVE}[name]
    record(name, f"death after {step}", injection.run(cloud, boot, operation, step, instruments))
