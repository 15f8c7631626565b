"""The guest image in Glance, as raw and as qcow2."""

from stacklib import files, milestones
from stacklib.cloud import Cloud
from stacklib.component import Component
from stacklib.errors import StackError
from stacklib.stack import Stack

IMAGES = {"mini-raw": ("raw", "disk.raw"), "mini-qcow2": ("qcow2", "disk.qcow2")}


class Images(Component):
    """Public images that everyone can boot."""

    name = "images"
    needs = ("glance", "guest-image")

    def finish(self, stack: Stack) -> None:
        """Upload both images; an image whose upload was interrupted is created again. Fake hosts
        do not read images, so there the data may be in a Ceph that is left out now."""
        cloud = Cloud(stack)
        if stack.choices.virt_driver == "fake" and all(_find(cloud, name) for name in IMAGES):
            return
        directory = stack.directory / "images"
        inputs = [files.digest(directory / file for _, file in IMAGES.values()), stack.has("ceph")]
        milestones.once(stack, "images", inputs, lambda: self._upload(stack))

    def _upload(self, stack: Stack) -> None:
        cloud = Cloud(stack)
        for name, (disk_format, file) in IMAGES.items():
            old = _find(cloud, name)
            if old and old.get("stores") == "rbd" and not stack.has("ceph"):
                raise StackError(f"{name} is in Ceph: start Ceph, or run `tools/stack clean` first")
            if old:
                cloud.request("DELETE", "image", f"/images/{old['id']}")
            body = {
                "name": name,
                "disk_format": disk_format,
                "container_format": "bare",
                "visibility": "public",
                "min_ram": 96,
            }
            image = cloud.request("POST", "image", "/images", body)
            content = stack.directory / "images" / file
            cloud.request("PUT", "image", f"/images/{image['id']}/file", content)


def _find(cloud: Cloud, name: str) -> dict | None:
    return cloud.find("image", "/images", "images", name=name)
