"""The image record, from Glance and from an instance."""

from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.instance import Instance

RECORD = {
    "id": "img",
    "name": "cirros",
    "min_disk": 2,
    "min_ram": 64,
    "disk_format": "qcow2",
    "container_format": "bare",
    "tags": ["a"],
    "os_hidden": False,
    "schema": "/v2/schemas/image",
    "hw_qemu_guest_agent": "yes",
    "os_type": "linux",
    "size": 7,
    "locations": [{"url": "x"}],
    "stores": "ceph",
    "long": "x" * 300,
    "k" * 252: "v",
    "nothing": None,
}


def test_unknown_fields_of_a_record_are_properties():
    image = ImageMeta.from_glance(RECORD)
    assert set(image.properties) == {"hw_qemu_guest_agent", "os_type", "long", "k" * 252}
    assert image.get_bool("hw_qemu_guest_agent") and not image.get_bool("hw_tpm")


def test_an_instance_stores_its_image_within_the_column_sizes():
    stored = ImageMeta.from_glance(RECORD).to_system_metadata(root_gb=5)
    assert stored["image_min_disk"] == "5" and stored["image_base_image_ref"] == "img"
    assert len(stored["image_long"]) == 255 and "image_" + "k" * 252 not in stored
    image = ImageMeta.from_instance(Instance(system_metadata=stored, image_ref=""))
    assert (image.id, image.min_disk, image.min_ram) == ("img", 5, 64)
    assert image.disk_format == "qcow2" and image.properties["os_type"] == "linux"
    assert "base_image_ref" not in image.properties


def test_an_instance_without_image():
    image = ImageMeta.from_instance(Instance(system_metadata={}, image_ref=""))
    assert image.id is None and image.properties == {}


def test_block_device_mappings_of_an_image_are_not_stored():
    """They may be cut; a snapshot of the instance would inherit them and could not be used."""
    names = ("block_device_mapping", "mappings", "img_block_device_mapping", "img_mappings")
    mappings = dict.fromkeys(names, "[" + "{}," * 200 + "{}]")
    image = ImageMeta.from_glance({**RECORD, **mappings, "bdm_v2": "True"})
    stored = image.to_system_metadata()
    assert not any(f"image_{name}" in stored for name in names)
    assert ImageMeta.from_instance(Instance(system_metadata=stored, image_ref="")).properties
