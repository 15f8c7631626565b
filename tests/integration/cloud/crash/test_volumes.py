"""A compute is killed before and after every step of operations on volumes, or Cinder or Ceph is
stopped.

The long tests run only on request: ``tools/stack exec pytest -m long <this file>``.
"""

from __future__ import annotations

import time

import pytest
from keystoneauth1.exceptions import ConnectFailure

from tests.functional.harness.waiting import until
from tests.integration.cloud.crash import volume_operations as operations
from tests.integration.cloud.crash.volume_operations import SECONDS, Scene, VolumeOperation
from tests.integration.cloud.harness import node, oracle, trace
from tests.integration.cloud.harness import volumes as volume_calls

CINDER = ("nova-mini-stack-cinder", "nova-mini-stack-cinder-volume")
OSD = "nova-mini-stack-ceph-osd"
_DEATH_SECONDS = 90  # the API may wait for a dead host first


@pytest.fixture(params=["ceph", "iscsi"])
def scene(request, cloud, volumes, boot) -> Scene:
    return Scene(cloud, boot(), volumes, request.param, boot)


@pytest.fixture
def backed(cloud, volumes, boot) -> Scene:
    """A scene with a server that runs from a volume."""
    disk = {
        "source_type": "image",
        "destination_type": "volume",
        "volume_size": 1,
        "boot_index": 0,
        "uuid": cloud.image("mini-raw"),
        "volume_type": "ceph",
        "delete_on_termination": True,
    }
    guest = boot(imageRef="", block_device_mapping_v2=[disk])
    return Scene(cloud, guest, volumes, "ceph", boot)


def _discover(scene: Scene, operation: VolumeOperation) -> list[str]:
    """The fault injection points in a compute: before and after each step of a normal run."""
    operation.prepare(scene)
    recorder = trace.Recorder()
    operation.act(scene)
    operation.check(scene)
    oracle.assert_clean(scene.cloud)
    steps = [name for daemon, name in recorder.steps() if daemon == "compute"]
    scene.clear()
    return [moment for step in steps for moment in (f"before {step}", step)]


def _die(scene: Scene, operation: VolumeOperation, moment: str, instruments) -> float:
    """Kill the compute. Returns the seconds until the recovery."""
    try:
        operation.prepare(scene)
        instruments.die_after(moment)
        operation.act(scene)
        instruments.wait_injected(moment, _DEATH_SECONDS)
        struck = time.monotonic()
        oracle.assert_clean(scene.cloud, SECONDS)
        took = time.monotonic() - struck
        operation.check(scene)
    finally:
        scene.clear()
    return took


def _die_at_each(scene, operation, name, instruments, subtests, record, least=8) -> None:
    moments = _discover(scene, operation)
    assert len(moments) >= least, moments
    for moment in moments:
        with subtests.test(moment):
            record(name, f"death {moment}", _die(scene, operation, moment, instruments))


@pytest.mark.long
def test_compute_dies_in_an_attach(scene, instruments, subtests, record):
    name = f"attach ({scene.backend})"
    _die_at_each(scene, operations.ATTACH, name, instruments, subtests, record)


@pytest.mark.long
def test_compute_dies_in_a_detach(scene, instruments, subtests, record):
    name = f"detach ({scene.backend})"
    _die_at_each(scene, operations.DETACH, name, instruments, subtests, record)


@pytest.mark.long
def test_compute_dies_in_a_swap(scene, instruments, subtests, record):
    name = f"swap ({scene.backend})"
    _die_at_each(scene, operations.SWAP, name, instruments, subtests, record)


@pytest.mark.long
def test_compute_dies_in_a_snapshot_of_volumes(backed, instruments, subtests, record):
    _die_at_each(backed, operations.IMAGE, "createImage", instruments, subtests, record)


@pytest.mark.long
def test_compute_dies_in_a_boot_from_volume(scene, instruments, subtests, record):
    name = f"boot ({scene.backend})"
    _die_at_each(scene, operations.BOOT, name, instruments, subtests, record)


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("ATTACH", "LibvirtDriver.attach_volume"),
        ("DETACH", "before DriverVolumeBlockDevice.release"),
        ("SWAP", "_Swap._commit"),
    ],
)
def test_compute_dies_during_the_commit(name, moment, cloud, volumes, boot, instruments, record):
    scene = Scene(cloud, boot(), volumes, "ceph", boot)
    operation = getattr(operations, name)
    record(name.lower(), f"death {moment}", _die(scene, operation, moment, instruments))


def test_a_server_is_deleted_whose_volumes_were_being_copied(backed, instruments, record):
    """Its volume must be deleted with it, and has a snapshot for an image that stays unfinished."""
    moment = "API.create_snapshot"
    (root,) = volume_calls.attached(backed.cloud, backed.guest)
    instruments.die_after(moment)
    operations.IMAGE.act(backed)
    instruments.wait_injected(moment, _DEATH_SECONDS)
    struck = time.monotonic()
    backed.guest.delete()
    backed.cloud.admin.wait_gone(backed.guest.id, SECONDS)
    oracle.assert_clean(backed.cloud, SECONDS)
    record("createImage of a deleted server", f"death {moment}", time.monotonic() - struck)
    assert backed.cloud.of_user.image.find_image("it-crash") is None
    assert backed.volumes.is_gone(root["volumeId"])


# -- external services ---------------------------------------------------------------------------


def _without(units, scene: Scene, operation: VolumeOperation, *, kill: bool) -> float:
    """Stop the units just before the request, and start them again. Returns the seconds until the
    recovery."""
    operation.prepare(scene)
    operation.act(scene)
    if kill:
        for unit in units:
            node.kill(unit)
    else:
        node.restart(*units)
    for unit in units:
        until(f"{unit} is back", lambda unit=unit: node.is_active(unit), 60, 0.3)
    until("Cinder answers", lambda: _answers(scene), 60, 0.5)
    back = time.monotonic()
    oracle.assert_clean(scene.cloud, SECONDS)
    took = time.monotonic() - back
    operation.check(scene)
    scene.clear()
    return took


def _answers(scene: Scene) -> bool:
    cinder = scene.cloud.of_admin.block_storage
    try:
        return cinder.get("/volumes?limit=1", raise_exc=False).status_code == 200
    except ConnectFailure:
        return False


SERVICES = {
    "cinder restarted": (CINDER, False),
    "cinder killed": (CINDER, True),
    "OSD killed": ((OSD,), True),
}


@pytest.mark.long
@pytest.mark.parametrize("fault", SERVICES)
@pytest.mark.parametrize("name", ["ATTACH", "DETACH", "SWAP"])
def test_an_external_service_is_unavailable(name, fault, cloud, volumes, boot, record):
    scene = Scene(cloud, boot(), volumes, "ceph", boot)
    units, kill = SERVICES[fault]
    record(name.lower(), fault, _without(units, scene, getattr(operations, name), kill=kill))
