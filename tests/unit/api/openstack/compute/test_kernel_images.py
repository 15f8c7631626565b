"""Kernel and ramdisk of an image or volume are requested from Glance with the user's token."""

import pytest

from tests.unit.api.openstack.compute.conftest import IMAGE, OTHER_IMAGE
from tests.unit.volume import stub_cinder

KERNEL = "8a4f7d2e-0000-4000-8000-000000000001"
UNREADABLE = "8a4f7d2e-0000-4000-8000-00000000dead"  # Glance answers 404, as for a private one
NAMES = ["kernel_id", "ramdisk_id"]


def add_kernel(cloud, **fields) -> None:
    cloud.glance.images[KERNEL] = {
        "id": KERNEL,
        "status": "active",
        "size": 1024,
        "disk_format": "aki",
        "container_format": "aki",
        **fields,
    }


def test_kernel_and_ramdisk_are_recorded(cloud):
    add_kernel(cloud)
    cloud.glance.images[KERNEL.upper()] = cloud.glance.images[KERNEL]  # as on a MySQL
    cloud.glance.images[IMAGE].update(kernel_id=KERNEL.upper(), ramdisk_id=KERNEL)
    response = cloud.api.post("/servers", cloud.body(), version="2.96")
    assert response.status_int == 202, response.text
    row = cloud.row(response.json["server"]["id"])
    assert (row["kernel_id"], row["ramdisk_id"]) == (KERNEL, KERNEL)
    assert row["system_metadata"]["authorized_images"].split(",") == [IMAGE, KERNEL]


def refused(cloud, response, words):
    assert response.status_int == 400, response.text
    assert words in response.json["badRequest"]["message"]
    assert cloud.bus.sent == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kernel", [UNREADABLE, "../images", "x" * 5000])
def test_kernel_image_that_the_user_may_not_read(cloud, name, kernel):
    cloud.glance.images[IMAGE][name] = kernel
    response = cloud.api.post("/servers", cloud.body(), version="2.96")
    refused(cloud, response, "Can not find requested image")
    assert len(response.text) < 1000


@pytest.mark.parametrize("name", NAMES)
def test_kernel_image_of_a_volume_that_the_user_may_not_read(cloud, name):
    with stub_cinder.serving() as cinder:
        volume = cinder.add_volume(volume_image_metadata={name: UNREADABLE})
        disk = {
            "source_type": "volume",
            "destination_type": "volume",
            "boot_index": 0,
            "uuid": volume,
        }
        body = cloud.body(block_device_mapping_v2=[disk], imageRef="")
        response = cloud.api.post("/servers", body, version="2.96")
    refused(cloud, response, "Can not find requested image")


@pytest.mark.parametrize("name", NAMES)
def test_kernel_image_that_the_user_may_not_read_in_a_rebuild(cloud, name):
    server_id = cloud.boot()
    sent = len(cloud.bus.sent)
    cloud.glance.images[OTHER_IMAGE][name] = UNREADABLE
    body = {"rebuild": {"imageRef": OTHER_IMAGE}}
    response = cloud.api.post(f"/servers/{server_id}/action", body, version="2.96")
    assert response.status_int == 400, response.text
    assert "Can not find requested image" in response.text
    assert len(cloud.bus.sent) == sent


def test_rebuild_authorizes_only_its_own_images(cloud):
    server_id = cloud.boot()
    add_kernel(cloud)
    cloud.glance.images[OTHER_IMAGE]["kernel_id"] = KERNEL
    body = {"rebuild": {"imageRef": OTHER_IMAGE}}
    assert cloud.api.post(f"/servers/{server_id}/action", body).status_int == 202
    recorded = cloud.row(server_id)["system_metadata"]["authorized_images"]
    assert recorded.split(",") == [OTHER_IMAGE, KERNEL]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"disk_format": "qcow2"}, "aki, ari or raw"),
        ({"status": "queued"}, "not active"),
        ({"size": 129 << 20}, "can have"),
    ],
)
def test_unbootable_kernel_images_are_refused(cloud, fields, words):
    add_kernel(cloud, **fields)
    cloud.glance.images[IMAGE]["kernel_id"] = KERNEL
    refused(cloud, cloud.api.post("/servers", cloud.body(), version="2.96"), words)
