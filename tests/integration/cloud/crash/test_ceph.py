"""A compute dies while it uses a disk in Ceph: the operation is finished, without orphans."""

from __future__ import annotations

import contextlib
import os
import signal
import time

import pytest

from tests.functional.harness.waiting import until
from tests.integration.cloud.crash import injection, operations
from tests.integration.cloud.harness import ceph, node, oracle

pytestmark = pytest.mark.skipif(not ceph.HERE, reason="the stack has no Ceph")

_DEATH_SECONDS = 40


@pytest.mark.parametrize(
    "step",
    [
        "RBDDriver.clone",
        "RBDDriver.resize",
        "RBDDriver.rename",
        "Rbd.clone",
        "clone_fallback_to_fetch",
    ],
)
def test_compute_dies_during_a_clone(step, cloud, boot, instruments, record):
    operation = operations.build(imageRef=cloud.image("mini-raw"))
    record("clone", f"death after {step}", injection.run(cloud, boot, operation, step, instruments))


@pytest.mark.parametrize("step", ["RBDDriver.create", "Rbd._import", "RBDDriver.rename"])
def test_compute_dies_during_an_import(step, cloud, boot, instruments, record):
    operation = operations.build(imageRef=cloud.image("mini-qcow2"))
    record(
        "import", f"death after {step}", injection.run(cloud, boot, operation, step, instruments)
    )


@pytest.mark.parametrize(
    "step",
    [
        "RBDDriver.create_snap",
        "RBDDriver.clone",
        "RBDDriver.flatten",
        "RBDDriver.remove_snap",
        "_copy",
        "RBDDriver.rename",
        "_register",
        "LibvirtDriver.snapshot",
        "snapshot",
    ],
)
def test_compute_dies_while_it_makes_an_image_of_a_server(step, cloud, boot, instruments, record):
    guest = boot(imageRef=cloud.image("mini-raw"))
    instruments.die_after(step)
    response = cloud.user.request(
        "POST", f"/servers/{guest.id}/action", {"createImage": {"name": "it-crash"}}
    )
    image_id = response.json()["image_id"]
    instruments.wait_injected(step, _DEATH_SECONDS)
    struck = time.monotonic()
    glance = cloud.of_user.image
    until("it is active", lambda: glance.get_image(image_id).status == "active", 60, 0.3)
    oracle.assert_clean(cloud, operations.SECONDS)
    record("snapshot", f"death after {step}", time.monotonic() - struck)
    assert ceph.snapshots(f"{guest.id}_disk") == []
    glance.delete_image(image_id)


@pytest.mark.parametrize("step", ["RBDDriver.clone", "RBDDriver.flatten", "RBDDriver.rename"])
def test_a_server_is_deleted_whose_image_was_being_made(step, cloud, boot, instruments, record):
    """The unfinished copy is a child of the disk at first, then independent, then complete."""
    guest = boot(imageRef=cloud.image("mini-raw"))
    instruments.die_after(step)
    response = cloud.user.request(
        "POST", f"/servers/{guest.id}/action", {"createImage": {"name": "it-crash"}}
    )
    image_id = response.json()["image_id"]
    instruments.wait_injected(step, _DEATH_SECONDS)
    struck = time.monotonic()
    guest.delete()
    cloud.admin.wait_gone(guest.id, operations.SECONDS)
    oracle.assert_clean(cloud, operations.SECONDS)
    record("snapshot of a deleted server", f"death after {step}", time.monotonic() - struck)
    assert cloud.of_user.image.find_image(image_id) is None


OSD, MONITOR = "nova-mini-stack-ceph-osd", "nova-mini-stack-ceph-mon"


def test_the_osd_is_killed_during_a_build(cloud, boot, record):
    """Requests to Ceph wait until it is back, and then continue."""
    guest = boot(imageRef=cloud.image("mini-raw"), networks="auto", wait=None)
    until("its disk is made", lambda: _disks_of(guest), 30, 0.05)
    node.kill(OSD)
    struck = time.monotonic()
    operations.BUILD.check(cloud, guest)
    oracle.assert_clean(cloud)
    record("build", f"{OSD} killed", time.monotonic() - struck)


def test_ceph_is_away_when_a_server_is_deleted(cloud, boot, record):
    guest = boot(imageRef=cloud.image("mini-raw"))
    for unit in (OSD, MONITOR):
        node.kill(unit)
    struck = time.monotonic()
    guest.delete()
    oracle.assert_clean(cloud)
    record("delete", f"{OSD} and {MONITOR} killed", time.monotonic() - struck)
    assert _disks_of(guest) == []


def test_the_ceph_worker_of_a_compute_hangs_during_a_build(cloud, boot, record):
    """The worker is replaced, and the build continues."""
    compute = node.main_pid(node.unit("compute"))
    hung = node.ceph_workers()
    assert hung
    for pid in hung:
        os.kill(pid, signal.SIGSTOP)
    guest = boot(imageRef=cloud.image("mini-raw"), wait=None)
    struck = time.monotonic()
    until("the workers are replaced", lambda: not hung & node.ceph_workers(), operations.SECONDS)
    operations.BUILD.check(cloud, guest)
    oracle.assert_clean(cloud)
    assert node.main_pid(node.unit("compute")) == compute
    record("build", "the compute's Ceph worker hung", time.monotonic() - struck)


def test_the_ceph_workers_of_a_compute_are_killed_during_a_build(cloud, boot, record):
    """They are killed again and again until the disk exists."""
    compute = node.main_pid(node.unit("compute"))
    guest = boot(imageRef=cloud.image("mini-raw"), wait=None)
    killed = 0
    began = time.monotonic()
    while f"{guest.id}_disk" not in _disks_of(guest) and time.monotonic() - began < 60:
        for pid in node.ceph_workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
        time.sleep(0.5)
    assert killed
    operations.BUILD.check(cloud, guest)
    oracle.assert_clean(cloud)
    assert node.main_pid(node.unit("compute")) == compute
    record("build", f"{killed} Ceph workers of the compute killed", time.monotonic() - began)


def _disks_of(guest) -> list[str]:
    return [name for name in ceph.names(ceph.DISKS) if name.startswith(guest.id)]
