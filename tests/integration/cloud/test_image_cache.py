"""An administrator lets the hosts of an aggregate cache an image before a server needs it."""

from __future__ import annotations

from tests.functional.harness.waiting import until
from tests.integration.cloud.harness import images, node


def test_an_image_is_cached_before_it_is_needed(cloud, boot, tmp_path, instruments):
    image_id = images.upload(cloud, "qcow2", images.make(tmp_path, "ahead", "-f", "qcow2"))
    made = cloud.admin.post("/os-aggregates", {"aggregate": {"name": "it-cache"}})
    path = f"/os-aggregates/{made['aggregate']['id']}"
    try:
        cloud.admin.post(f"{path}/action", {"add_host": {"host": node.NAME}})
        cloud.admin.post(f"{path}/images", {"cache": [{"id": image_id}]}, 202)
        cached = node.INSTANCES / "_base" / images.name_in_cache(image_id)
        until("it is in the cache", cached.exists, 60, 0.3)
        before = len(instruments.qemu_img_runs())
        boot(imageRef=image_id)
        later = instruments.qemu_img_runs()[before:]
        assert not [run for run in later if run.startswith("convert -f qcow2 -O raw")], later
    finally:
        cloud.admin.post(f"{path}/action", {"remove_host": {"host": node.NAME}})
        cloud.admin.delete(path, 200)
        cloud.of_user.image.delete_image(image_id)
