"""``POST /servers`` with disks that are volumes."""

import json

import pytest

from nova_mini import db
from tests.unit.api.openstack.compute.conftest import IMAGE, OTHER_IMAGE, make_flavor
from tests.unit.volume import stub_cinder


@pytest.fixture
def cinder():
    with stub_cinder.serving() as served:
        yield served


def create(cloud, *disks, version="2.96", **fields):
    body = cloud.body(block_device_mapping_v2=list(disks), **{"imageRef": "", **fields})
    return cloud.api.post("/servers", body, version=version)


def disk(source, uuid=None, boot_index=0, **fields):
    named = {"uuid": uuid} if uuid else {}
    return {
        "source_type": source, "destination_type": "volume", "boot_index": boot_index, **named,
        **fields,
    }  # fmt: skip


def test_the_image_of_a_volume_describes_the_guest(cloud, cinder):
    told = {"hw_disk_bus": "scsi", "min_ram": "64", "image_id": IMAGE, "os_type": "linux"}
    volume = cinder.add_volume(volume_image_metadata=told, size=3)
    answer = create(cloud, disk("volume", volume, delete_on_termination=True))
    assert answer.status_int == 202, answer.text
    server_id = answer.json["server"]["id"]
    row = cloud.row(server_id)
    assert (row["image_ref"], row["os_type"]) == (None, "linux")
    assert row["system_metadata"]["image_hw_disk_bus"] == "scsi"
    (mapping,) = db.block_device_mappings.get_by_instances([server_id])
    assert (mapping["volume_id"], mapping["volume_size"], mapping["boot_index"]) == (volume, 3, 0)
    server = cloud.api.get(f"/servers/{server_id}", version="2.96").json["server"]
    assert server["image"] == ""
    assert server["os-extended-volumes:volumes_attached"] == [
        {"id": volume, "delete_on_termination": True}
    ]


def test_a_root_volume_takes_nothing_of_the_hosts_disk(cloud, cinder):
    make_flavor("2", root_gb=10, ephemeral_gb=2)
    answer = create(cloud, disk("volume", cinder.add_volume()), flavorRef="2")
    server_id = answer.json["server"]["id"]
    assert db.request_specs.get([server_id])[server_id]["local_gb"] == 2


@pytest.mark.parametrize("image_ref", ["", IMAGE])
def test_volumes_are_made_at_once_as_the_user(cloud, cinder, image_ref):
    answer = create(
        cloud,
        disk("image", IMAGE, volume_size=2, volume_type="fast"),
        disk("blank", None, -1, volume_size="1"),
        imageRef=image_ref,
    )
    assert answer.status_int == 202, answer.text
    asked = [v["asked"] for v in cinder.volumes.values()]
    assert [(a["size"], a["imageRef"], a["volume_type"]) for a in asked] == [
        (2, IMAGE, "fast"), (1, None, None),
    ]  # fmt: skip
    mappings = db.block_device_mappings.get_by_instances([answer.json["server"]["id"]])
    assert [m["volume_id"] for m in mappings] == list(cinder.volumes)


def test_a_volume_beside_a_local_disk(cloud, cinder):
    volume = cinder.add_volume()
    local = {"source_type": "image", "uuid": IMAGE, "boot_index": 0, "destination_type": "local"}
    answer = create(cloud, local, disk("volume", volume, -1), imageRef=IMAGE)
    assert answer.status_int == 202, answer.text
    assert cloud.row(answer.json["server"]["id"])["image_ref"] == IMAGE


def test_a_snapshot_gives_its_size(cloud, cinder):
    snapshot = cinder.add_snapshot(cinder.add_volume(), size=4)
    assert create(cloud, disk("snapshot", snapshot)).status_int == 202
    (*_, made) = cinder.volumes.values()
    assert (made["size"], made["asked"]["snapshot_id"]) == (4, snapshot)


UNKNOWN = "6f2c2a86-4a33-4b5e-8d0a-00000000dead"


@pytest.mark.parametrize(
    ("disks", "words", "fields"),
    [
        ([disk("volume", UNKNOWN)], "could not be found", {}),
        ([disk("snapshot", UNKNOWN)], "could not be found", {}),
        ([disk("image", UNKNOWN, volume_size=1)], "Can not find requested image", {}),
        ([disk("volume", "../types")], "uuid", {}),
        ([disk("volume")], "needs its uuid", {}),
        ([disk("image", IMAGE)], "needs a volume_size", {}),
        ([disk("image", IMAGE, volume_size=0)], "needs a volume_size", {}),
        ([disk("blank", volume_size=1)], "image to boot from", {}),
        ([disk("volume", UNKNOWN, volume_type="x")], "volume_type already", {}),
        ([disk("volume", UNKNOWN, -1)], "boot_index must be 0", {}),
        ([disk("volume", UNKNOWN)], "cannot also boot from imageRef", {"imageRef": IMAGE}),
        ([disk("blank", None, volume_size=1, guest_format="swap")], "swap is a disk", {}),
    ],
)
def test_disks_that_cannot_be(cloud, cinder, disks, words, fields):
    answer = create(cloud, *disks, **fields)
    assert answer.status_int == 400, answer.text
    assert words in answer.json["badRequest"]["message"]
    assert cinder.volumes == {} and cloud.bus.sent == []


@pytest.mark.parametrize(
    ("volume", "words", "fields"),
    [
        ({"status": "in-use"}, "must be available", {}),
        ({"encrypted": True}, "encrypted", {}),
        ({"bootable": "false"}, "not bootable", {}),
        ({}, "one server only", {"max_count": 2}),
        ({"volume_image_metadata": {"min_ram": "4096"}}, "memory is too small", {}),
    ],
)
def test_volumes_that_cannot_be_booted(cloud, cinder, volume, words, fields):
    answer = create(cloud, disk("volume", cinder.add_volume(**volume)), **fields)
    assert answer.status_int == 400, answer.text
    assert words in answer.json["badRequest"]["message"]


def test_a_volume_is_asked_for_once(cloud, cinder):
    volume = cinder.add_volume()
    answer = create(cloud, disk("volume", volume), disk("volume", volume, 1))
    assert answer.status_int == 400 and "only once" in answer.text


def test_a_multiattach_volume_needs_a_newer_version(cloud, cinder):
    one = disk("volume", cinder.add_volume(multiattach=True))
    assert create(cloud, one, version="2.59").status_int == 400
    assert create(cloud, one, version="2.60", max_count=2).status_int == 202


def boot_in_use(cloud, cinder) -> tuple[str, list[str]]:
    """A server with a root and a data volume, both in use; their ids."""
    told = {"hw_disk_bus": "scsi", "disk_format": "qcow2"}
    volumes = [cinder.add_volume(size=3, volume_image_metadata=told), cinder.add_volume(size=1)]
    answer = create(
        cloud,
        disk("volume", volumes[0], delete_on_termination=True),
        disk("volume", volumes[1], -1),
    )
    cloud.built(answer.json["server"]["id"])
    for volume in volumes:
        cinder.volumes[volume]["status"] = "in-use"
    return answer.json["server"]["id"], volumes


def act(cloud, server_id, action, arguments, version="2.96"):
    return cloud.api.post(f"/servers/{server_id}/action", {action: arguments}, version=version)


def test_the_host_is_asked_for_an_image_of_volumes(cloud, cinder):
    server_id, _ = boot_in_use(cloud, cinder)
    answer = act(cloud, server_id, "createImage", {"name": "copy"})
    assert answer.status_int == 202, answer.text
    image = cloud.glance.images[answer.json["image_id"]]
    assert (image["status"], image["hw_disk_bus"]) == ("queued", "scsi")
    action = cloud.action(server_id)
    assert (action["action"], action["method"]) == ("createImage", "snapshot_instance")


def test_a_refused_image_leaves_no_task(cloud, cinder):
    server_id, _ = boot_in_use(cloud, cinder)
    cloud.glance.refuses = 403
    assert act(cloud, server_id, "createImage", {"name": "copy"}).status_int == 403
    assert cloud.row(server_id)["task_state"] is None


def test_a_rebuild_with_the_image_that_the_volume_is_of(cloud, cinder):
    server_id, (root, _) = boot_in_use(cloud, cinder)
    cinder.volumes[root]["volume_image_metadata"]["image_id"] = IMAGE
    answer = act(cloud, server_id, "rebuild", {"imageRef": OTHER_IMAGE}, "2.92")
    assert answer.status_int == 400 and "different image" in answer.text
    assert act(cloud, server_id, "rebuild", {"imageRef": IMAGE}, "2.92").status_int == 202
    assert cloud.action(server_id)["args"]["reimage_boot_volume"] is False
    assert cloud.row(server_id)["image_ref"] is None


def test_a_rebuild_with_any_image_writes_it_into_the_volume(cloud, cinder):
    server_id, (root, _) = boot_in_use(cloud, cinder)
    cloud.glance.images[OTHER_IMAGE]["min_disk"] = 4
    answer = act(cloud, server_id, "rebuild", {"imageRef": OTHER_IMAGE}, "2.93")
    assert answer.status_int == 400 and "needs a volume of 4 GiB" in answer.text
    cloud.glance.images[OTHER_IMAGE]["min_disk"] = 3
    answer = act(cloud, server_id, "rebuild", {"imageRef": OTHER_IMAGE}, "2.93")
    assert answer.status_int == 202, answer.text
    assert answer.json["server"]["image"] == ""
    args = cloud.action(server_id)["args"]
    assert (args["image_ref"], args["reimage_boot_volume"]) == (OTHER_IMAGE, True)


def test_an_image_without_data_is_nothing_to_rebuild_from(cloud, cinder):
    server_id, _ = boot_in_use(cloud, cinder)
    told = [{"source_type": "snapshot", "snapshot_id": IMAGE, "boot_index": 0}]
    cloud.glance.images[IMAGE].update(bdm_v2="True", block_device_mapping=json.dumps(told))
    answer = act(cloud, server_id, "rebuild", {"imageRef": IMAGE})
    assert answer.status_int == 400 and "no data of its own" in answer.text


@pytest.mark.parametrize(
    "told",
    [
        "no json", '[1]', '[{"source_type": "volume"}]', '[{"source_type": "snapshot"}]',
        '[{"source_type": "blank", "boot_index": 0, "volume_size": 1}]',
        '[{"source_type": "snapshot", "boot_index": "first"}]',
        '[{"source_type": "snapshot", "boot_index": 0, "snapshot_id": "../../volumes"}]',
    ],
)  # fmt: skip
def test_images_that_lie_about_their_disks(cloud, cinder, told):
    cloud.glance.images[IMAGE].update(bdm_v2="true", block_device_mapping=told)
    answer = cloud.api.post("/servers", cloud.body(), version="2.96")
    assert answer.status_int == 400, answer.text
    assert "Block Device Mapping is Invalid" in answer.text
