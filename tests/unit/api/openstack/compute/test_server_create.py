"""POST /servers: records, RPC message and errors."""

import base64

import pytest

from nova_mini import db
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.objects.keypair import KeyPair
from nova_mini.objects.quotas import Quotas
from tests.unit.api.openstack.compute.conftest import (
    HOST,
    IMAGE,
    OTHER_IMAGE,
    make_flavor,
    make_host,
)
from tests.unit.conftest import ADMIN
from tests.unit.rest_server import HANG_UP


def create(cloud, *, version="2.96", token="user:project", hints=None, **fields):
    body = cloud.body(**fields)
    for name, value in fields.items():
        if value is None:
            del body["server"][name]
    if hints is not None:
        body["os:scheduler_hints"] = hints
    return cloud.api.post("/servers", body, version=version, token=token)


def refused(cloud, code, words, **fields):
    """The response has this code and message; nothing was recorded or sent."""
    response = create(cloud, **fields)
    assert response.status_int == code, response.text
    (fault,) = response.json.values()
    assert fault["code"] == code
    assert words in fault["message"], fault["message"]
    assert not db.query.many(db.models.instances)
    assert not db.query.many(db.models.instance_actions)
    assert db.project_usages.get("project") == {"instances": 0, "cores": 0, "ram": 0}
    assert cloud.bus.sent == []


# -- what is written and sent --------------------------------------------------------------------


def test_create_response_and_records(cloud):
    response = create(
        cloud,
        metadata={"a": "b"},
        description="d",
        tags=["t2", "t1"],
        user_data=base64.b64encode(b"#!").decode(),
        adminPass="secret",
        accessIPv4="192.0.2.1",
        config_drive="true",
        **{"OS-DCF:diskConfig": "AUTO"},
    )
    assert response.status_int == 202
    server = response.json["server"]
    assert server["adminPass"] == "secret"
    assert server["OS-DCF:diskConfig"] == "AUTO"
    assert server["security_groups"] == [{"name": "default"}]
    assert response.headers["Location"] == server["links"][0]["href"]

    row = cloud.row(server["id"])
    assert (row["vm_state"], row["task_state"], row["host"]) == ("building", "scheduling", None)
    assert (row["project_id"], row["user_id"]) == ("project", "user")
    assert row["metadata"] == {"a": "b"}
    assert row["display_description"] == "d"
    assert row["hostname"] == "one"
    assert row["access_ip_v4"] == "192.0.2.1"
    assert row["config_drive"] == "True"
    assert row["os_type"] == "linux"
    remembered = row["system_metadata"]
    assert remembered["image_base_image_ref"] == IMAGE
    assert (remembered["owner_user_name"], remembered["owner_project_name"]) == ("user", "project")
    assert db.instance_tags.get_tags([server["id"]]) == {server["id"]: ["t1", "t2"]}
    (disk,) = db.block_device_mappings.get_by_instances([server["id"]])
    assert (disk["source_type"], disk["destination_type"]) == ("image", "local")
    assert (disk["image_id"], disk["boot_index"]) == (IMAGE, 0)
    assert db.project_usages.get("project") == {"instances": 1, "cores": 1, "ram": 128}


def test_create_casts_the_action_id_and_no_secret(cloud):
    server_id = create(cloud, adminPass="secret").json["server"]["id"]
    action = cloud.action(server_id)
    assert (action["action"], action["method"], action["host"]) == (
        "create",
        "schedule_and_build_instances",
        None,
    )
    assert action["args"]["admin_password"] == "secret"
    assert action["args"]["requested_networks"] == "none"
    assert cloud.bus.sent == [
        ("conductor", None, "schedule_and_build_instances", {"action_ids": [action["id"]]})
    ]


def test_create_records_request_spec(cloud):
    server_id = create(
        cloud,
        hints={"different_host": [OTHER_IMAGE]},
        availability_zone="nova",
    ).json["server"]["id"]
    spec = db.request_specs.get([server_id])[server_id]
    assert (spec["vcpus"], spec["memory_mb"], spec["local_gb"]) == (1, 128, 1)
    assert spec["availability_zone"] == "nova"
    assert spec["scheduler_hints"] == {"different_host": [OTHER_IMAGE]}
    assert spec["image_properties"]["hw_disk_bus"] == "virtio"
    assert spec["extra_specs"] == {"hw:x": "y"}
    shown = cloud.api.get(f"/servers/{server_id}", version="2.96").json["server"]
    assert shown["pinned_availability_zone"] == "nova"


def test_admin_password_is_generated(cloud):
    given = create(cloud).json["server"]["adminPass"]
    assert len(given) == 12
    CONF.set_override("enable_instance_password", False, group="api")
    try:
        assert "adminPass" not in create(cloud).json["server"]
    finally:
        CONF.clear_override("enable_instance_password", group="api")


def test_description_is_the_name_before_2_19(cloud):
    body = cloud.body()
    del body["server"]["networks"]
    body["server"]["networks"] = []
    server_id = cloud.api.post("/servers", body, version="2.18").json["server"]["id"]
    assert cloud.row(server_id)["display_description"] == "one"


def test_create_several_servers(cloud):
    response = create(cloud, min_count=2, max_count="3", return_reservation_id=True)
    reservation_id = response.json["reservation_id"]
    rows = db.query.many(db.models.instances, order_by=[db.models.instances.c.id])
    assert [row["display_name"] for row in rows] == ["one-1", "one-2", "one-3"]
    assert [row["hostname"] for row in rows] == ["one-1", "one-2", "one-3"]
    assert [row["launch_index"] for row in rows] == [0, 1, 2]
    assert {row["reservation_id"] for row in rows} == {reservation_id}
    assert len(cloud.bus.sent) == 1
    assert len(cloud.bus.sent[0][3]["action_ids"]) == 3


def test_public_key_is_copied_to_the_server(cloud, context):
    KeyPair(
        context, user_id="user", name="k", type="ssh", fingerprint="f", public_key="ssh-rsa A"
    ).create()
    server_id = create(cloud, key_name="k").json["server"]["id"]
    assert (cloud.row(server_id)["key_name"], cloud.row(server_id)["key_data"]) == (
        "k",
        "ssh-rsa A",
    )


def test_ephemeral_disk_and_swap_of_the_flavor(cloud):
    make_flavor("2", ephemeral_gb=3, swap=64)
    server_id = create(cloud, flavorRef="2").json["server"]["id"]
    disks = db.block_device_mappings.get_by_instances([server_id])
    assert [(d["source_type"], d["guest_format"], d["volume_size"]) for d in disks] == [
        ("image", None, None),
        ("blank", None, 3),
        ("blank", "swap", 64),
    ]


def test_requested_disks(cloud):
    make_flavor("2", ephemeral_gb=3, swap=64)
    root = {"source_type": "image", "destination_type": "local", "uuid": IMAGE, "boot_index": 0}
    blank = {"source_type": "blank", "destination_type": "local", "boot_index": "-1"}
    server_id = create(
        cloud,
        flavorRef="2",
        block_device_mapping_v2=[
            {**blank, "volume_size": "1", "guest_format": "ext4", "tag": "scratch"},
            {**blank, "volume_size": 2},
            {**root, "disk_bus": "scsi"},
            {**blank, "guest_format": "swap", "volume_size": 32},
        ],
    ).json["server"]["id"]
    disks = db.block_device_mappings.get_by_instances([server_id])
    assert [(d["boot_index"], d["volume_size"], d["guest_format"]) for d in disks] == [
        (0, None, None),
        (-1, 1, "ext4"),
        (-1, 2, None),
        (-1, 32, "swap"),
    ]
    assert disks[0]["disk_bus"] == "scsi"
    assert disks[1]["tag"] == "scratch"


# -- where ---------------------------------------------------------------------------------------


def test_host_in_availability_zone_is_for_administrators(cloud):
    refused(cloud, 403, "forced_host", availability_zone=f"nova:{HOST}")
    server_id = create(cloud, availability_zone=f"nova:{HOST}", token=ADMIN).json["server"]["id"]
    spec = db.request_specs.get([server_id])[server_id]
    assert (spec["availability_zone"], spec["force_host"]) == ("nova", HOST)


def test_requested_host(cloud):
    make_host("host2", node="node2")
    refused(cloud, 403, "requested_destination", host="host2")
    server_id = create(cloud, hypervisor_hostname="node2", token=ADMIN).json["server"]["id"]
    assert db.request_specs.get([server_id])[server_id]["requested_host"] == "host2"


@pytest.mark.parametrize(
    "fields",
    [
        {"availability_zone": "nowhere"},
        {"availability_zone": "nova:nohost"},
        {"availability_zone": "nova:host1:nonode"},
        {"availability_zone": "nova:a:b:c"},
        {"availability_zone": ":host1"},
        {"host": "nohost"},
        {"hypervisor_hostname": "nonode"},
        {"host": "host1", "availability_zone": "nova:host1"},
    ],
)
def test_unknown_zones_and_hosts_are_refused(cloud, fields):
    refused(cloud, 400, "Invalid input", token=ADMIN, **fields)


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"flavorRef": "no"}, "Flavor no could not be found"),
        ({"imageRef": "11111111-2222-3333-4444-555555555555"}, "Can not find requested image"),
        ({"imageRef": ""}, "Invalid imageRef"),
        ({"imageRef": "x"}, "imageRef"),
        ({"key_name": "nokey"}, "Invalid key_name"),
        ({"min_count": 3, "max_count": 2}, "min_count must be <= max_count"),
        ({"min_count": 0}, "min_count"),
        ({"name": ""}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"networks": None}, "networks"),
        ({"networks": "some"}, "networks"),
        ({"networks": [{}]}, "uuid or a port"),
        ({"user_data": "not base64!"}, "user_data"),
        ({"user_data": "A" * 65536}, "user_data. Value: ***"),
        ({"metadata": {"k": "v" * 256}}, "field/attribute k"),
        ({"metadata": {"k": "a\x1bb"}}, "field/attribute k"),
        ({"tags": ["a\x1bb"]}, "field/attribute tags.0"),
        ({"description": "a\x1bb"}, "description"),
        ({"name": "x" * 254, "min_count": 2}, "longer than 255"),
        ({"hostname": "no_host"}, "hostname"),
        ({"hostname": "h1", "max_count": 2}, "one server only"),
        ({"tags": ["a/b"]}, "tags"),
        ({"personality": []}, "personality"),
        ({"trusted_image_certificates": ["x"]}, "not supported"),
        ({"block_device_mapping": [{}]}, "Unrecognized legacy format"),
        ({"block_device_mapping": [{"virtual_name": "root"}]}, "Unrecognized legacy format"),
        ({"block_device_mapping": [{"source_type": "blank"}]}, "source_type"),
        (
            {
                "block_device_mapping": [{"virtual_name": "swap"}],
                "block_device_mapping_v2": [{"source_type": "image", "uuid": IMAGE}],
            },
            "different block_device_mapping syntaxes",
        ),
        ({"nonsense": 1}, "nonsense"),
        ({"hints": {"group": IMAGE}}, f"Instance group {IMAGE} could not be found."),
        ({"hints": {"same_host": "x"}}, "same_host"),
        ({"hints": {"query": '[">", "$free_ram_mb", 1]'}}, "JsonFilter is not enabled"),
        ({"hints": {"query": {}}}, "query"),
        ({"hints": {"cidr": "/24"}}, "cidr"),
        ({"hints": {"build_near_host_ip": "192.0.2.1"}}, "by their address"),
        ({"hints": {"target_cell": "a!b"}}, "there are no cells"),
        ({"hints": {"different_cell": ["a!b"]}}, "there are no cells"),
    ],
)
def test_invalid_requests_are_refused(cloud, fields, words):
    refused(cloud, 400, words, **fields)


@pytest.mark.parametrize("name", ["different_host", "same_host", "query"])
def test_a_hint_is_refused_while_its_filter_is_not_enabled(cloud, override, name):
    override("enabled_filters", ["ComputeFilter"], "filter_scheduler")
    hints = {name: "[]" if name == "query" else OTHER_IMAGE}
    refused(cloud, 400, f"scheduler hint {name}: ", hints=hints)


def test_a_query_is_checked_and_kept(cloud, override):
    override("enabled_filters", ["JsonFilter"], "filter_scheduler")
    refused(cloud, 400, "is not an operator", hints={"query": '["~", "$host", "c1"]'})
    query = '[">=", "$free_ram_mb", 1024]'
    server_id = create(cloud, hints={"query": query}).json["server"]["id"]
    assert db.request_specs.get([server_id])[server_id]["scheduler_hints"] == {"query": query}


def test_hints_of_other_tools_are_accepted(cloud):
    assert create(cloud, hints={"heat_stack_name": "s"}).status_int == 202


@pytest.mark.parametrize(
    ("disks", "words"),
    [
        ([{"source_type": "volume", "uuid": IMAGE, "destination_type": "local"}], "volume, not"),
        ([{"source_type": "image", "uuid": IMAGE, "destination_type": "volume"}], "volume_size"),
        (
            [
                {"source_type": "image", "uuid": IMAGE, "boot_index": 0},
                {"source_type": "volume", "uuid": OTHER_IMAGE, "destination_type": "volume"},
            ],
            "no volume service",
        ),
        ([{"source_type": "image", "uuid": OTHER_IMAGE, "boot_index": 0}], "imageRef"),
        ([{"source_type": "blank", "boot_index": -1}], "boot_index must be 0"),
        ([{"source_type": "image", "uuid": IMAGE, "boot_index": 1}], "boot_index 0"),
        (
            [
                {"source_type": "image", "uuid": IMAGE, "boot_index": 0},
                {"source_type": "blank", "guest_format": "swap", "volume_size": 1},
            ],
            "swap disk is larger",
        ),
        (
            [
                {"source_type": "image", "uuid": IMAGE, "boot_index": 0},
                {"source_type": "blank", "volume_size": 1},
            ],
            "ephemeral disks are larger",
        ),
        (
            [
                {"source_type": "image", "uuid": IMAGE, "boot_index": 0},
                {"source_type": "blank", "volume_size": "3000000000"},
            ],
            "volume_size must be",
        ),
        (
            [
                {"source_type": "image", "uuid": IMAGE, "boot_index": 0},
                {"source_type": "blank", "uuid": OTHER_IMAGE},
            ],
            "Invalid device UUID",
        ),
        (
            [{"source_type": "image", "uuid": IMAGE, "boot_index": 0}, {"source_type": "blank"}],
            "no ephemeral disk",
        ),
    ],
)
def test_invalid_disks_are_refused(cloud, disks, words):
    refused(cloud, 400, words, block_device_mapping_v2=disks)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ({"status": "queued"}, "not active"),
        ({"min_ram": 1024}, "memory is too small"),
        ({"min_disk": 2}, "minimum size"),
        ({"size": 2 * 1024**3}, "too small for requested image"),
    ],
)
def test_image_must_fit_the_flavor(cloud, image, words):
    cloud.glance.images[IMAGE].update(image)
    refused(cloud, 400, words)


def test_unavailable_glance_is_503(cloud):
    CONF.set_override("num_retries", 0, group="glance")
    cloud.glance.images[IMAGE] = HANG_UP
    try:
        refused(cloud, 503, "image service")
    finally:
        CONF.clear_override("num_retries", group="glance")


def test_active_image_is_cached_for_each_project(cloud):
    CONF.set_override("image_record_cache_time", 60, group="api")
    image_id = "5c0f8f3e-0000-4000-8000-00000000cafe"
    cloud.glance.images[image_id] = {**cloud.glance.images[IMAGE], "id": image_id}
    for token, reads in (("user:project", 1), ("user:project", 1), ("user:other", 2)):
        assert create(cloud, imageRef=image_id, token=token).status_int == 202
        assert cloud.glance.reads == reads


def test_disabled_and_private_flavors(cloud):
    make_flavor("off", disabled=True)
    make_flavor("mine", is_public=False)
    refused(cloud, 400, "disabled", flavorRef="off")
    refused(cloud, 400, "could not be found", flavorRef="mine")


def test_flavor_without_disk_limit_is_for_administrators(cloud):
    make_flavor("0", root_gb=0)
    refused(cloud, 403, "zero_disk_flavor", flavorRef="0")
    assert create(cloud, flavorRef="0", token=ADMIN).status_int == 202


# -- quota ---------------------------------------------------------------------------------------


@pytest.fixture
def two_instances():
    CONF.set_override("instances", 2, group="quota")
    yield
    CONF.clear_override("instances", group="quota")


def test_quota_is_enforced(cloud, two_instances):
    assert create(cloud).status_int == 202
    response = create(cloud, min_count=2)
    assert response.status_int == 403
    message = response.json["forbidden"]["message"]
    assert message == (
        "Quota exceeded for instances: requested 2, but already used 1 of 2 instances."
    )


def test_as_many_servers_are_created_as_the_quota_allows(cloud, two_instances):
    assert create(cloud, min_count=1, max_count=5).status_int == 202
    assert db.project_usages.get("project")["instances"] == 2


def test_quota_of_a_user_is_enforced(cloud):
    Quotas.set_limits(get_admin_context(), "project", "user", {"cores": 1, "key_pairs": 0})
    assert create(cloud).status_int == 202
    assert create(cloud).status_int == 403
    assert create(cloud, token="other:project").status_int == 202


def test_delete_releases_quota(cloud, two_instances):
    ids = [create(cloud).json["server"]["id"] for _ in range(2)]
    assert create(cloud).status_int == 403
    db.instance_deletion.destroy(ids[0])
    assert create(cloud).status_int == 202


def test_quotas_of_metadata_and_injected_files(cloud):
    many = {str(n): "x" for n in range(129)}
    refused(cloud, 403, "metadata items exceeds 128", metadata=many)
    contents = base64.b64encode(bytes(10241)).decode()
    files = [{"path": "/x", "contents": contents}]
    fields = {"networks": [], "personality": files}
    refused(cloud, 403, "injected_file_content_bytes", version="2.56", **fields)
