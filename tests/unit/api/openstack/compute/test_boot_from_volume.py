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
        "source_type": source,
        "destination_type": "volume",
        "boot_index": boot_index,
        **named,
        **fields,
    }


def test_image_metadata_of_root_volume_describes_the_guest(cloud, cinder):
    properties = {"hw_disk_bus": "scsi", "min_ram": "64", "image_id": IMAGE, "os_type": "linux"}
    volume = cinder.add_volume(volume_image_metadata=properties, size=3)
    response = create(cloud, disk("volume", volume, delete_on_termination=True))
    assert response.status_int == 202, response.text
    server_id = response.json["server"]["id"]
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


def test_root_volume_uses_no_local_disk(cloud, cinder):
    make_flavor("2", root_gb=10, ephemeral_gb=2)
    response = create(cloud, disk("volume", cinder.add_volume()), flavorRef="2")
    server_id = response.json["server"]["id"]
    assert db.request_specs.get([server_id])[server_id]["local_gb"] == 2


@pytest.mark.parametrize("image_ref", ["", IMAGE])
def test_volumes_are_created_during_the_request(cloud, cinder, image_ref):
    response = create(
        cloud,
        disk("image", IMAGE, volume_size=2, volume_type="fast"),
        disk("blank", None, -1, volume_size="1"),
        imageRef=image_ref,
    )
    assert response.status_int == 202, response.text
    requested = [v["requested"] for v in cinder.volumes.values()]
    assert [(a["size"], a["imageRef"], a["volume_type"]) for a in requested] == [
        (2, IMAGE, "fast"),
        (1, None, None),
    ]
    mappings = db.block_device_mappings.get_by_instances([response.json["server"]["id"]])
    assert [m["volume_id"] for m in mappings] == list(cinder.volumes)


def test_requested_image_is_shown_although_a_volume_is_the_root_disk(cloud, cinder):
    response = create(cloud, disk("volume", cinder.add_volume()), imageRef=IMAGE)
    assert response.status_int == 202, response.text
    server_id = response.json["server"]["id"]
    assert cloud.row(server_id)["image_ref"] is None, "it is volume-backed"
    without = create(cloud, disk("volume", cinder.add_volume())).json["server"]["id"]
    show = cloud.api.get(f"/servers/{server_id}").json["server"]
    assert show["image"]["id"] == IMAGE
    listed = {s["id"]: s["image"] for s in cloud.api.get("/servers/detail").json["servers"]}
    assert listed == {server_id: show["image"], without: ""}
    local = cloud.boot()
    found = cloud.api.get(f"/servers?image={IMAGE}").json["servers"]
    assert {server["id"] for server in found} == {server_id, local}
    assert cloud.api.get("/servers?image=%25").json["servers"] == []


def test_requested_image_makes_any_volume_bootable(cloud, cinder):
    volume = cinder.add_volume(bootable="false")
    assert create(cloud, disk("volume", volume)).status_int == 400
    response = create(cloud, disk("volume", volume), imageRef=IMAGE)
    assert response.status_int == 202, response.text


def test_volume_in_addition_to_local_root_disk(cloud, cinder):
    volume = cinder.add_volume()
    local = {"source_type": "image", "uuid": IMAGE, "boot_index": 0, "destination_type": "local"}
    response = create(cloud, local, disk("volume", volume, -1), imageRef=IMAGE)
    assert response.status_int == 202, response.text
    assert cloud.row(response.json["server"]["id"])["image_ref"] == IMAGE


def test_volume_from_snapshot_gets_the_snapshots_size(cloud, cinder):
    snapshot = cinder.add_snapshot(cinder.add_volume(), size=4)
    assert create(cloud, disk("snapshot", snapshot)).status_int == 202
    (*_, made) = cinder.volumes.values()
    assert (made["size"], made["requested"]["snapshot_id"]) == (4, snapshot)


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
        ([disk("blank", destination_type="local")], "empty disk of the host", {}),
        ([disk("volume", UNKNOWN, volume_type="x")], "volume_type already", {}),
        ([disk("volume", UNKNOWN, -1)], "boot_index must be 0", {}),
        (
            [disk("volume", UNKNOWN, device_name="/dev/vda")],
            "same device name as the root device",
            {"imageRef": IMAGE},
        ),
        ([disk("blank", None, volume_size=1, guest_format="swap")], "swap is a disk", {}),
    ],
)
def test_invalid_disks_are_refused(cloud, cinder, disks, words, fields):
    response = create(cloud, *disks, **fields)
    assert response.status_int == 400, response.text
    assert words in response.json["badRequest"]["message"]
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
def test_unbootable_volumes_are_refused(cloud, cinder, volume, words, fields):
    response = create(cloud, disk("volume", cinder.add_volume(**volume)), **fields)
    assert response.status_int == 400, response.text
    assert words in response.json["badRequest"]["message"]


def test_volume_may_be_named_only_once(cloud, cinder):
    volume = cinder.add_volume()
    response = create(cloud, disk("volume", volume), disk("volume", volume, 1))
    assert response.status_int == 400 and "only once" in response.text


def test_multiattach_volume_needs_2_60(cloud, cinder):
    one = disk("volume", cinder.add_volume(multiattach=True))
    assert create(cloud, one, version="2.59").status_int == 400
    assert create(cloud, one, version="2.60", max_count=2).status_int == 202


def boot_in_use(cloud, cinder) -> tuple[str, list[str]]:
    """A server with a root and a data volume, both in use; their ids."""
    properties = {"hw_disk_bus": "scsi", "disk_format": "qcow2"}
    volumes = [
        cinder.add_volume(size=3, volume_image_metadata=properties),
        cinder.add_volume(size=1),
    ]
    response = create(
        cloud,
        disk("volume", volumes[0], delete_on_termination=True),
        disk("volume", volumes[1], -1),
    )
    cloud.built(response.json["server"]["id"])
    for volume in volumes:
        cinder.volumes[volume]["status"] = "in-use"
    return response.json["server"]["id"], volumes


def act(cloud, server_id, action, arguments, version="2.96"):
    return cloud.api.post(f"/servers/{server_id}/action", {action: arguments}, version=version)


def test_image_of_volume_backed_server_is_made_on_its_host(cloud, cinder):
    server_id, _ = boot_in_use(cloud, cinder)
    response = act(cloud, server_id, "createImage", {"name": "copy"})
    assert response.status_int == 202, response.text
    image = cloud.glance.images[response.json["image_id"]]
    assert (image["status"], image["hw_disk_bus"]) == ("queued", "scsi")
    action = cloud.action(server_id)
    assert (action["action"], action["method"]) == ("createImage", "snapshot_instance")


def test_policy_file_refuses_images_of_volume_backed_servers(cloud, cinder, operators_file):
    server_id, _ = boot_in_use(cloud, cinder)
    other = cloud.boot()
    operators_file('"os_compute_api:servers:create_image:allow_volume_backed": "!"\n')
    refused = act(cloud, server_id, "createImage", {"name": "copy"})
    assert refused.status_int == 403
    assert "create_image:allow_volume_backed" in refused.text
    assert cloud.row(server_id)["task_state"] is None
    assert act(cloud, other, "createImage", {"name": "copy"}).status_int == 202


def test_policy_file_refuses_requested_disks(cloud, cinder, operators_file):
    operators_file('"os_compute_api:servers:create:attach_volume": "!"\n')
    volume = cinder.add_volume()
    first_api = cloud.body(
        imageRef="", block_device_mapping=[{"device_name": "vda", "volume_id": volume}]
    )
    del first_api["server"]["networks"]
    for refused in (
        create(cloud, disk("volume", volume)),
        create(cloud, disk("volume", volume, -1), imageRef=IMAGE),
        cloud.api.post("/servers", first_api, version="2.1"),
    ):
        assert refused.status_int == 403, refused.text
        assert "servers:create:attach_volume" in refused.text
    assert cinder.status(volume) == "available"
    assert cloud.api.post("/servers", cloud.body(), version="2.96").status_int == 202


def test_refused_image_of_volume_backed_server_leaves_no_task_state(cloud, cinder):
    server_id, _ = boot_in_use(cloud, cinder)
    cloud.glance.refuses = 403
    assert act(cloud, server_id, "createImage", {"name": "copy"}).status_int == 403
    assert cloud.row(server_id)["task_state"] is None


def test_rebuild_with_the_volumes_own_image(cloud, cinder):
    server_id, (root, _) = boot_in_use(cloud, cinder)
    cinder.volumes[root]["volume_image_metadata"]["image_id"] = IMAGE
    response = act(cloud, server_id, "rebuild", {"imageRef": OTHER_IMAGE}, "2.92")
    assert response.status_int == 400 and "different image" in response.text
    assert act(cloud, server_id, "rebuild", {"imageRef": IMAGE}, "2.92").status_int == 202
    assert "reimage_boot_volume" not in cloud.action(server_id)["args"]  # the default: False
    assert cloud.row(server_id)["image_ref"] is None


def test_rebuild_with_another_image_reimages_the_volume(cloud, cinder):
    server_id, (root, _) = boot_in_use(cloud, cinder)
    cloud.glance.images[OTHER_IMAGE]["min_disk"] = 4
    response = act(cloud, server_id, "rebuild", {"imageRef": OTHER_IMAGE}, "2.93")
    assert response.status_int == 400 and "needs a volume of 4 GiB" in response.text
    cloud.glance.images[OTHER_IMAGE]["min_disk"] = 3
    response = act(cloud, server_id, "rebuild", {"imageRef": OTHER_IMAGE}, "2.93")
    assert response.status_int == 202, response.text
    assert response.json["server"]["image"] == ""
    args = cloud.action(server_id)["args"]
    assert (args["image_ref"], args["reimage_boot_volume"]) == (OTHER_IMAGE, True)


def test_rebuild_with_image_without_data_is_refused(cloud, cinder):
    server_id, _ = boot_in_use(cloud, cinder)
    mapping = [{"source_type": "snapshot", "snapshot_id": IMAGE, "boot_index": 0}]
    cloud.glance.images[IMAGE].update(bdm_v2="True", block_device_mapping=json.dumps(mapping))
    response = act(cloud, server_id, "rebuild", {"imageRef": IMAGE})
    assert response.status_int == 400 and "no data of its own" in response.text


@pytest.mark.parametrize(
    "mapping",
    [
        "no json",
        "[1]",
        '[{"source_type": "volume"}]',
        '[{"source_type": "snapshot"}]',
        '[{"source_type": "blank", "boot_index": 0, "volume_size": 1}]',
        '[{"source_type": "snapshot", "boot_index": "first"}]',
        '{"source_type": "snapshot"}',
        "[" * 100_000,
        '{"a":' * 100_000,
        f'[{{"source_type": "snapshot", "boot_index": 0, "volume_size": 1{"0" * 5000}}}]',
        '[{"source_type": "snapshot", "boot_index": 0, "snapshot_id": "../../volumes"}]',
    ],
)
def test_image_with_invalid_block_device_mapping_is_refused(cloud, cinder, mapping):
    cloud.glance.images[IMAGE].update(bdm_v2="true", block_device_mapping=mapping)
    response = cloud.api.post("/servers", cloud.body(), version="2.96")
    assert response.status_int == 400, response.text
    assert "Block Device Mapping is Invalid" in response.text


OF_IMAGE = {"source_type": "blank", "destination_type": "local", "boot_index": -1}


@pytest.mark.parametrize(
    "disks",
    [
        [{"guest_format": "../../../../../etc/shadow", "volume_size": 1}],
        [{"guest_format": "ext4/../../etc/passwd", "volume_size": 1}],
        [{"guest_format": "ext5", "volume_size": 1}],
        [{"volume_size": 5000}, {"volume_size": -5000}],
        [{"volume_size": 1 << 40}],
        [{"volume_size": 1, "device_type": "../x"}],
        [{"volume_size": 1, "disk_bus": "a b"}],
        [{"volume_size": 1, "device_name": "/dev/vd\n"}],
        [{"volume_size": 1, "unknown": "x"}],
    ],
)
def test_image_disks_are_validated_like_requested_disks(cloud, cinder, disks):
    """Like those of a request, values of an image reach paths and commands of a host."""
    make_flavor("2", ephemeral_gb=10)
    root = {
        "source_type": "snapshot",
        "snapshot_id": cinder.add_snapshot(cinder.add_volume()),
        "destination_type": "volume",
        "boot_index": 0,
    }
    mapping = json.dumps([root, *({**OF_IMAGE, **each} for each in disks)])
    cloud.glance.images[IMAGE].update(bdm_v2="true", block_device_mapping=mapping)
    response = cloud.api.post("/servers", cloud.body(flavorRef="2"), version="2.96")
    assert response.status_int == 400, response.text
    assert "Block Device Mapping is Invalid" in response.text
    assert cloud.bus.sent == []


def test_image_may_name_blank_disks(cloud, cinder):
    make_flavor("2", ephemeral_gb=3)
    root = {
        "source_type": "snapshot",
        "snapshot_id": cinder.add_snapshot(cinder.add_volume()),
        "destination_type": "volume",
        "boot_index": 0,
        "guest_format": None,
    }
    mapping = json.dumps([root, {**OF_IMAGE, "volume_size": 2, "guest_format": "xfs"}])
    cloud.glance.images[IMAGE].update(bdm_v2="true", block_device_mapping=mapping)
    response = cloud.api.post("/servers", cloud.body(flavorRef="2"), version="2.96")
    assert response.status_int == 202, response.text
    _, empty = db.block_device_mappings.get_by_instances([response.json["server"]["id"]])
    assert (empty["volume_size"], empty["guest_format"]) == (2, "xfs")


def test_an_encrypted_root_volume(cloud, cinder, override):
    volume = cinder.add_volume(encrypted=True)
    refused = create(cloud, disk("volume", volume))
    assert refused.status_int == 400 and "no key manager" in refused.json["badRequest"]["message"]
    override("backend", "barbican", "key_manager")
    assert create(cloud, disk("volume", volume)).status_int == 202
    cinder.encryption["provider"] = "luks2"
    refused = create(cloud, disk("volume", cinder.add_volume(encrypted=True)))
    assert refused.status_int == 400
    assert "its encryption is 'luks2'" in refused.json["badRequest"]["message"]
