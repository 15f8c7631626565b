"""Root volumes with imageRef, blank root volumes, and legacy block_device_mapping."""

import json

import pytest

from nova_mini import db, policy
from nova_mini.conf import CONF
from tests.unit.api.openstack.compute.conftest import IMAGE, OTHER_IMAGE, make_flavor
from tests.unit.conftest import ADMIN
from tests.unit.volume import stub_cinder


@pytest.fixture
def cinder():
    with stub_cinder.serving() as served:
        yield served


def post(cloud, token="user:project", **fields):
    return cloud.api.post("/servers", cloud.body(**fields), version="2.96", token=token)


def create(cloud, **fields) -> str:
    response = post(cloud, **fields)
    assert response.status_int == 202, response.text
    return response.json["server"]["id"]


def disks_of(server_id) -> list[dict]:
    return db.block_device_mappings.get_by_instances([server_id])


def volume_disk(volume, boot_index=0, **fields):
    return {
        "source_type": "volume",
        "destination_type": "volume",
        "uuid": volume,
        "boot_index": boot_index,
        **fields,
    }


# -- block_device_mapping_v2 -----------------------------------------------------------------------


def test_blank_volume_as_root_disk(cloud, cinder):
    blank = {
        "source_type": "blank",
        "destination_type": "volume",
        "boot_index": 0,
        "volume_size": 2,
    }
    server_id = create(cloud, block_device_mapping_v2=[blank], imageRef="")
    (root,) = disks_of(server_id)
    assert (root["boot_index"], cinder.volumes[root["volume_id"]]["size"]) == (0, 2)
    row = cloud.row(server_id)
    assert (row["image_ref"], row["os_type"]) == (None, None)


def test_root_volume_with_image_that_describes_the_guest(cloud, cinder):
    volume = cinder.add_volume(size=3, volume_image_metadata={"hw_disk_bus": "ide"})
    cloud.glance.images[IMAGE].update(hw_disk_bus="scsi", min_disk=20)
    server_id = create(cloud, block_device_mapping_v2=[volume_disk(volume)])
    (root,) = disks_of(server_id)
    assert (root["volume_id"], root["boot_index"]) == (volume, 0)
    row = cloud.row(server_id)
    assert row["image_ref"] is None
    assert row["system_metadata"]["image_hw_disk_bus"] == "scsi"


def test_image_must_fit_the_new_root_volume(cloud, cinder):
    cloud.glance.images[IMAGE].update(min_disk=20)
    disk = {
        "source_type": "image",
        "destination_type": "volume",
        "uuid": OTHER_IMAGE,
        "boot_index": 0,
        "volume_size": 2,
    }
    response = post(cloud, block_device_mapping_v2=[disk])
    assert response.status_int == 400 and "20 GiB" in response.text


def test_flavor_without_disk_boots_from_volume(cloud, cinder):
    """Also with imageRef and a volume. A root disk on the host needs a policy."""
    make_flavor("0", root_gb=0)
    volume = cinder.add_volume()
    create(cloud, flavorRef="0", block_device_mapping_v2=[volume_disk(volume)])
    assert post(cloud, flavorRef="0").status_int == 403
    assert post(cloud, token=ADMIN, flavorRef="0").status_int == 202


def test_image_with_volumes_that_the_request_names_as_root_too(cloud, cinder):
    """openstackclient does so if there are other disks."""
    snapshot = cinder.add_snapshot(cinder.add_volume())
    mapping = [
        {
            "source_type": "snapshot",
            "destination_type": "volume",
            "snapshot_id": snapshot,
            "boot_index": 0,
            "device_name": "/dev/vda",
        },
        {
            "source_type": "blank",
            "destination_type": "volume",
            "volume_size": 1,
            "boot_index": -1,
            "device_name": "/dev/vdb",
        },
    ]
    cloud.glance.images[IMAGE].update(
        bdm_v2="True", block_device_mapping=json.dumps(mapping), size=0
    )
    data = cinder.add_volume()
    named = {"source_type": "image", "uuid": IMAGE, "boot_index": 0, "destination_type": "local"}
    disks = [named, volume_disk(data, -1, device_name="/dev/vdb")]
    root, beside = disks_of(create(cloud, block_device_mapping_v2=disks))
    assert (root["snapshot_id"], root["boot_index"]) == (snapshot, 0)
    assert beside["volume_id"] == data  # it takes the place of the image's


# -- block_device_mapping -------------------------------------------------------------------------


def test_legacy_volume_with_an_image(cloud, cinder):
    volume = cinder.add_volume()
    disks = [{"volume_id": volume, "device_name": "/dev/vdb", "delete_on_termination": "1"}]
    root, data = disks_of(create(cloud, block_device_mapping=disks))
    assert (root["source_type"], root["image_id"], root["boot_index"]) == ("image", IMAGE, 0)
    assert (data["volume_id"], data["device_name"], data["boot_index"]) == (volume, "/dev/vdb", -1)
    assert data["delete_on_termination"]


@pytest.mark.parametrize("image_ref", ["", IMAGE])
@pytest.mark.parametrize("device", ["vda", "/dev/vda"])
def test_legacy_root_volume(cloud, cinder, image_ref, device):
    volume = cinder.add_volume()
    disks = [{"volume_id": volume, "device_name": device, "volume_size": ""}]
    server_id = create(cloud, block_device_mapping=disks, imageRef=image_ref)
    (root,) = disks_of(server_id)
    assert (root["volume_id"], root["boot_index"]) == (volume, 0)
    assert cloud.row(server_id)["image_ref"] is None


def test_legacy_snapshots_swap_and_ephemeral_disks(cloud, cinder):
    make_flavor("2", swap=16, ephemeral_gb=3)
    snapshot = cinder.add_snapshot(cinder.add_volume(), size=2)
    disks = [
        {"snapshot_id": snapshot, "device_name": "vda", "volume_size": "4"},
        {"virtual_name": "swap", "device_name": "vdb"},
        {"virtual_name": "ephemeral0", "device_name": "vdc", "volume_size": 2},
        {"device_name": "vdd", "no_device": True},
    ]
    root, swap, ephemeral = disks_of(create(cloud, block_device_mapping=disks, flavorRef="2"))
    assert (root["snapshot_id"], root["volume_size"]) == (snapshot, 4)
    assert (swap["guest_format"], swap["volume_size"]) == ("swap", 16)
    assert (ephemeral["source_type"], ephemeral["volume_size"]) == ("blank", 2)


def test_image_with_legacy_block_device_mapping(cloud, cinder):
    make_flavor("2", swap=16, ephemeral_gb=3)
    snapshot = cinder.add_snapshot(cinder.add_volume())
    cloud.glance.images[IMAGE].update(
        block_device_mapping=json.dumps([{"device_name": "/dev/vda", "snapshot_id": snapshot}]),
        mappings=json.dumps(
            [
                {"virtual": "ami", "device": "vda"},
                {"virtual": "swap", "device": "vdb"},
                {"virtual": "ephemeral0", "device": "vdc"},
            ]
        ),
    )
    root, swap, ephemeral = disks_of(create(cloud, flavorRef="2"))
    assert (root["snapshot_id"], root["boot_index"]) == (snapshot, 0)
    assert (swap["device_name"], swap["guest_format"]) == ("vdb", "swap")
    assert (ephemeral["device_name"], ephemeral["volume_size"]) == ("vdc", 3)


@pytest.mark.parametrize("name", ["mappings", "block_device_mapping"])
@pytest.mark.parametrize(
    "value",
    [
        "no json",
        "[" * 100_000,
        "{}",
        "[1]",
        '[{"virtual": 1, "device": "vda"}]',
        '[{"virtual": "swap", "device": "../x y"}]',
    ],
)
def test_invalid_image_properties_are_refused(cloud, cinder, name, value):
    cloud.glance.images[IMAGE][name] = value
    response = post(cloud)
    assert response.status_int == 400, response.text
    assert f"{name} of the image" in response.text


@pytest.mark.parametrize("name", ["min_ram", "min_disk"])
@pytest.mark.parametrize("value", ["abc", "-1", "1e3", "9" * 5000, "\u0663", "1.5"])
def test_non_numeric_image_metadata_of_a_volume(cloud, cinder, name, value):
    volume = cinder.add_volume(volume_image_metadata={name: value})
    response = post(cloud, block_device_mapping_v2=[volume_disk(volume)], imageRef="")
    assert response.status_int == 400, response.text
    assert name in response.text and len(response.text) < 500


@pytest.mark.parametrize("name", ["os_type", "architecture"])
def test_image_property_that_is_too_long_is_refused(cloud, name):
    cloud.glance.images[IMAGE][name] = "x" * 256
    response = post(cloud)
    assert response.status_int == 400 and name in response.text


@pytest.fixture
def no_disks_for_members(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text('"os_compute_api:servers:create:attach_volume": "rule:admin_api"')
    CONF.set_override("policy_file", str(path), group="oslo_policy")
    policy.reset()
    yield
    CONF.clear_override("policy_file", group="oslo_policy")
    policy.reset()


@pytest.mark.usefixtures("no_disks_for_members")
@pytest.mark.parametrize(
    "disks",
    [
        {"block_device_mapping": [{"volume_id": IMAGE, "device_name": "vdb"}]},
        {"block_device_mapping_v2": [{"source_type": "image", "uuid": IMAGE, "boot_index": 0}]},
    ],
)
def test_attach_volume_policy_applies_to_both_mapping_formats(cloud, cinder, disks):
    assert post(cloud, **disks).status_int == 403
    assert post(cloud).status_int == 202
