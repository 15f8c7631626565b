"""Servers with disks in Ceph: disks are cloned, imported, copied to images, and removed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functional.harness.waiting import until
from tests.integration.cloud.harness import ceph, node
from tests.integration.cloud.harness.guest import Guest

pytestmark = pytest.mark.skipif(not ceph.HERE, reason="the stack has no Ceph")

GIB = 1 << 30


def root_of(guest: Guest) -> str:
    return f"{guest.id}_disk"


@pytest.fixture(scope="module")
def clone(cloud, boot_for_all) -> Guest:
    return boot_for_all(imageRef=cloud.image("mini-raw"))


@pytest.fixture
def image_of(cloud) -> Iterator:
    """``image_of(guest)``: the id of an active image that is made of the guest."""
    made: list[str] = []

    def take(guest: Guest) -> str:
        body = {"createImage": {"name": "it-of-ceph"}}
        response = cloud.user.request("POST", f"/servers/{guest.id}/action", body)
        assert response.status_code == 202, response.text
        made.append(response.json()["image_id"])
        image = cloud.of_user.image
        until("it is active", lambda: image.get_image(made[-1]).status == "active", 120, 0.5)
        return made[-1]

    yield take
    for image_id in made:
        cloud.of_user.image.delete_image(image_id)
        assert image_id not in ceph.names(ceph.IMAGES)


def test_a_raw_image_is_cloned(cloud, clone):
    assert ceph.parent(root_of(clone)) == (ceph.IMAGES, cloud.image("mini-raw"), "snap")
    assert ceph.size(root_of(clone)) == GIB
    clone.wait_for_output("GUEST: ready")


def test_a_qcow2_image_is_imported(cloud, boot):
    guest = boot(imageRef=cloud.image("mini-qcow2"))
    assert ceph.parent(root_of(guest)) is None
    assert ceph.size(root_of(guest)) == GIB
    guest.wait_for_output("GUEST: ready")


def test_an_image_of_a_server_is_made_in_ceph_and_boots(cloud, clone, boot, image_of, instruments):
    before = len(instruments.qemu_img_runs())
    image_id = image_of(clone)
    assert instruments.qemu_img_runs()[before:] == [], "its data passed through this host"
    assert image_id in ceph.names(ceph.IMAGES)
    assert ceph.snapshots(root_of(clone)) == []
    record = cloud.of_user.image.get_image(image_id)
    assert (record.disk_format, record.size) == ("raw", GIB)
    copy = boot(imageRef=image_id)
    assert ceph.parent(root_of(copy)) == (ceph.IMAGES, image_id, "snap")
    copy.wait_for_output("GUEST: ready")
    copy.delete()


def test_a_rebuild_makes_a_clone_of_the_other_image(cloud, boot):
    guest = boot(imageRef=cloud.image("mini-qcow2"))
    guest.act("rebuild", {"imageRef": cloud.image("mini-raw")}, "ACTIVE")
    assert ceph.parent(root_of(guest)) == (ceph.IMAGES, cloud.image("mini-raw"), "snap")


def test_a_deleted_server_leaves_nothing_in_ceph(cloud, boot):
    guest = boot(imageRef=cloud.image("mini-raw"), config_drive=True)
    disks = {root_of(guest), f"{guest.id}_disk.config"}
    assert disks <= ceph.names(ceph.DISKS)
    guest.delete()
    assert [name for name in ceph.names(ceph.DISKS) if name.startswith(guest.id)] == []


def test_users_do_not_see_the_locations_of_an_image(cloud, clone):
    image = cloud.of_user.image.get(f"/images/{cloud.image('mini-raw')}").json()
    assert "rbd:" not in str(image)
    assert "rbd" not in str(clone.show())


def test_no_key_is_in_a_domain_or_a_log(clone):
    keyrings = (node.STACK / "etc" / "ceph").glob("ceph.client.*.keyring")
    lines = [line for path in keyrings for line in path.read_text().splitlines()]
    keys = [line.partition("=")[2].strip() for line in lines if "key =" in line]
    assert keys
    texts = node.domain_xml(clone.id) + "".join(
        node.log(daemon).read_text(errors="replace") for daemon in node.DAEMONS
    )
    assert [key for key in keys if key in texts] == []
