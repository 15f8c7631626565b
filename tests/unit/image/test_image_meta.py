"""The image record, from Glance and from what an instance remembers."""

from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.instance import Instance

RECORD = {
    "id": "img", "name": "cirros", "min_disk": 2, "min_ram": 64, "disk_format": "qcow2",
    "container_format": "bare", "tags": ["a"], "os_hidden": False, "schema": "/v2/schemas/image",
    "hw_qemu_guest_agent": "yes", "os_type": "linux", "size": 7, "locations": [{"url": "x"}],
    "stores": "ceph", "long": "x" * 300, "k" * 252: "v", "nothing": None,
}  # fmt: skip


def test_properties_are_what_glance_has_no_field_for():
    image = ImageMeta.from_glance(RECORD)
    assert set(image.properties) == {"hw_qemu_guest_agent", "os_type", "long", "k" * 252}
    assert image.get_bool("hw_qemu_guest_agent") and not image.get_bool("hw_tpm")


def test_an_instance_remembers_it_within_its_columns():
    kept = ImageMeta.from_glance(RECORD).to_system_metadata(root_gb=5)
    assert kept["image_min_disk"] == "5" and kept["image_base_image_ref"] == "img"
    assert len(kept["image_long"]) == 255 and "image_" + "k" * 252 not in kept
    image = ImageMeta.from_instance(Instance(system_metadata=kept, image_ref=""))
    assert (image.id, image.min_disk, image.min_ram) == ("img", 5, 64)
    assert image.disk_format == "qcow2" and image.properties["os_type"] == "linux"
    assert "base_image_ref" not in image.properties


def test_an_instance_without_image():
    image = ImageMeta.from_instance(Instance(system_metadata={}, image_ref=""))
    assert image.id is None and image.properties == {}
