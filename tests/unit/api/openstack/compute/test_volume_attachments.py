"""``/servers/{id}/os-volume_attachments``"""

import oslo_messaging as messaging
import pytest

from nova_mini import db
from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from tests.unit.api.openstack.compute.conftest import HOST, IMAGE
from tests.unit.conftest import ADMIN
from tests.unit.volume import stub_cinder


@pytest.fixture
def cinder():
    with stub_cinder.serving() as served:
        yield served


@pytest.fixture
def attached(cloud, cinder, context):
    """``attached(**properties)`` boots a server and attaches a volume -> (server, volume, body)."""
    server_id = cloud.boot()

    def attach(version="2.96", volume=None, ends=None, **properties):
        volume = volume or cinder.add_volume()
        bdm = BlockDeviceMapping.new(
            context,
            uuid=IMAGE,
            instance_uuid=server_id,
            source_type="volume",
            destination_type="volume",
            volume_id=volume,
            device_name="/dev/vdb",
            delete_on_termination=properties.get("delete_on_termination", False),
            tag=properties.get("tag"),
        )

        class Responses(dict):
            """The host gets the call when the action is recorded, and creates the mapping."""

            def __getitem__(self, method):
                (*_, (_topic, server, _method, kwargs)) = cloud.bus.sent
                assert server == HOST and kwargs["asked"]["volume_id"] == volume
                bdm.uuid = kwargs["asked"]["uuid"]
                bdm.create(kwargs["action_id"])
                if ends:
                    ends(bdm)
                return bdm

        cloud.bus.responses = Responses()
        body = {"volumeAttachment": {"volumeId": volume, **properties}}
        response = cloud.api.post(f"/servers/{server_id}/{PATH}", body, version=version)
        return server_id, volume, response

    return attach


PATH = "os-volume_attachments"
DEVICE = {"device": "/dev/vdb"}


@pytest.mark.parametrize(
    ("version", "more"),
    [
        ("2.1", {"id": True}),
        ("2.70", {"id": True, "tag": None}),
        ("2.79", {"id": True, "tag": None, "delete_on_termination": False}),
        (
            "2.89",
            {"tag": None, "delete_on_termination": False, "attachment_id": True, "bdm_uuid": True},
        ),
    ],
)
def test_response_to_attach_by_version(attached, cinder, cloud, version, more):
    server_id, volume, response = attached(version=version)
    assert response.status_int == 200, response.text
    (attachment,) = cinder.of_instance(server_id)
    common = {"volumeId": volume, "serverId": server_id, **DEVICE, **more}
    expected = {**common, "id": volume}
    for name in ("attachment_id", "bdm_uuid"):  # of what is there; the answer to a POST has an id
        common.pop(name, None)
    assert response.json["volumeAttachment"] == {**common, "id": volume}
    if "attachment_id" in more:
        (mapping,) = [
            m for m in db.block_device_mappings.get_by_instances([server_id]) if m["volume_id"]
        ]
        expected |= {"attachment_id": attachment["id"], "bdm_uuid": mapping["uuid"]}
        del expected["id"]
    for path, key in ((f"{PATH}/{volume}", "volumeAttachment"), (PATH, "volumeAttachments")):
        shown = cloud.api.get(f"/servers/{server_id}/{path}", version=version).json[key]
        assert shown == (expected if key == "volumeAttachment" else [expected])


def test_response_to_attach_has_no_body_since_2_101(attached, cinder, cloud):
    server_id, volume, response = attached(version="2.101")
    assert (response.status_int, response.body) == (202, b"")
    assert cinder.status(volume) == "reserved"
    assert cloud.bus.methods() == ["attach_volume"]  # no call of the host
    (attachment,) = cinder.of_instance(server_id)
    listed = cloud.api.get(f"/servers/{server_id}/{PATH}", version="2.101").json
    (shown,) = listed["volumeAttachments"]
    assert (shown["volumeId"], shown["attachment_id"]) == (volume, attachment["id"])
    assert "device" not in shown


def test_from_2_101_on_a_host_of_an_earlier_release_is_asked_for_the_name(attached, cloud):
    db.query.update(db.models.services, {"version": 2}, db.models.services.c.topic == "compute")
    _, _, response = attached(version="2.101")
    assert (response.status_int, response.body) == (202, b"")
    assert cloud.bus.methods() == ["reserve_block_device_name", "attach_volume"]


def test_from_2_101_on_what_is_known_is_refused_at_once(attached, cinder, cloud):
    _, volume, _ = attached(version="2.100")
    for taken, code in (({"volume": volume}, 400), (DEVICE, 409)):
        _, _, response = attached(version="2.101", **taken)
        assert response.status_int == code, response.text
    assert len(cinder.attachments) == 1


def test_attach_records_intent_and_casts(attached, cinder, cloud):
    server_id, volume, _ = attached(tag="data", delete_on_termination=True)
    assert cinder.status(volume) == "reserved"
    assert cloud.bus.methods() == ["reserve_block_device_name", "attach_volume"]
    (action, *_) = db.actions.get_by_instance(server_id)
    assert (action["action"], action["host"]) == ("attach_volume", HOST)
    (mapping,) = [
        m for m in db.block_device_mappings.get_by_instances([server_id]) if m["volume_id"]
    ]
    assert action["args"] == {"bdm_uuid": mapping["uuid"]}
    server = cloud.api.get(f"/servers/{server_id}", version="2.96").json["server"]
    assert server["os-extended-volumes:volumes_attached"] == [
        {"id": volume, "delete_on_termination": True}
    ]


@pytest.mark.parametrize(
    ("attachment_id", "code", "last_method"),
    [
        (IMAGE, 200, "attach_volume"),  # started again, it has reserved the volume itself
        (None, 503, "detach_volume"),
    ],
)
def test_attach_when_the_reply_of_the_host_is_lost(
    attached, cinder, cloud, attachment_id, code, last_method
):
    def die(bdm):
        if attachment_id:
            bdm.attachment_id = attachment_id
            bdm.save()
        raise messaging.MessagingTimeout("no answer")

    server_id, _volume, response = attached(ends=die)
    assert response.status_int == code, response.text
    assert cloud.bus.methods() == ["reserve_block_device_name", last_method]
    assert not cinder.of_instance(server_id)


@pytest.mark.parametrize(
    ("fields", "version", "code"),
    [
        ({"status": "in-use"}, "2.96", 400),
        ({"status": "error"}, "2.96", 400),
        ({"encrypted": True}, "2.96", 400),
        ({"multiattach": True}, "2.59", 400),
        ({"multiattach": True}, "2.60", 200),
    ],
)
def test_attachable_volumes(attached, cinder, cloud, fields, version, code):
    volume = cinder.add_volume(**fields)
    server_id, _, response = attached(version=version, volume=volume)
    assert response.status_int == code, response.text
    if code != 200:
        assert volume in response.json["badRequest"]["message"]
        assert cloud.bus.sent == [] and cinder.attachments == {}


@pytest.mark.parametrize(
    ("properties", "version"),
    [
        ({"volumeId": "no-uuid"}, "2.96"),
        ({"device": "/etc/passwd"}, "2.96"),
        ({"device": "/dev/vdb;reboot"}, "2.96"),
        ({"tag": "a"}, "2.48"),
        ({"delete_on_termination": True}, "2.78"),
        ({"delete_on_termination": "perhaps"}, "2.96"),
    ],
)
def test_invalid_attach_bodies(attached, properties, version):
    _, _, response = attached(version=version, **properties)
    assert response.status_int == 400


def test_unknown_server_or_volume_is_404(cloud, cinder, attached):
    server_id, volume, _ = attached()
    one = f"/servers/{server_id}/{PATH}/{IMAGE}"
    assert cloud.api.get(one).status_int == 404
    assert cloud.api.delete(one).status_int == 404
    body = {"volumeAttachment": {"volumeId": IMAGE}}
    assert cloud.api.post(f"/servers/{server_id}/{PATH}", body).status_int == 404
    others = f"/servers/{server_id}/{PATH}/{volume}"
    assert cloud.api.get(others, token="user:other").status_int == 404
    assert cloud.api.delete(others, token="user:other").status_int == 404


def test_attach_in_wrong_server_state_is_409(cloud, cinder):
    server_id = cloud.boot()
    cloud.set(server_id, vm_state="suspended")
    body = {"volumeAttachment": {"volumeId": cinder.add_volume()}}
    assert cloud.api.post(f"/servers/{server_id}/{PATH}", body).status_int == 409
    assert cinder.attachments == {}


def test_detach_records_intent_and_casts(attached, cinder, cloud):
    server_id, volume, _ = attached()
    cinder.volumes[volume]["status"] = "in-use"
    response = cloud.api.delete(f"/servers/{server_id}/{PATH}/{volume}")
    assert response.status_int == 202
    assert cinder.status(volume) == "detaching"
    assert cloud.bus.methods()[-1] == "detach_volume"


def test_detach_refused_by_cinder_fails_the_action(attached, cinder, cloud):
    server_id, volume, _ = attached()
    response = cloud.api.delete(f"/servers/{server_id}/{PATH}/{volume}")  # it is reserved
    assert response.status_int == 400
    assert db.actions.get_by_instance(server_id)[0]["message"] == "Error"


def test_update_delete_on_termination(attached, cloud, cinder):
    server_id, volume, _ = attached()
    one = f"/servers/{server_id}/{PATH}/{volume}"

    def put(version="2.85", token="user:project", **properties):
        body = {"volumeAttachment": {"volumeId": volume, **properties}}
        return cloud.api.put(one, body, version=version, token=token).status_int

    assert put(delete_on_termination=True, device="/dev/vdb") == 202
    assert cloud.api.get(one, version="2.85").json["volumeAttachment"]["delete_on_termination"]
    assert put(device="/dev/vdz") == 400
    assert put(version="2.84", delete_on_termination=True) == 400
    assert put(version="2.84") == 403  # a swap is for administrators
    assert put(volumeId=IMAGE) == 403
    assert put(volumeId=IMAGE, token=ADMIN) == 409  # Cinder is not moving it
    cinder.volumes[volume]["migration_status"] = "success"
    assert put(volumeId=IMAGE, token=ADMIN) == 400  # no such volume


@pytest.mark.parametrize(("token", "code"), [(ADMIN, 202), ("user:project", 403)])
def test_swap_by_role(attached, cinder, cloud, token, code):
    server_id, volume, _ = attached()
    cinder.volumes[volume] |= {"status": "in-use", "migration_status": "success"}
    cloud.bus.sent.clear()
    new = cinder.add_volume()
    body = {"volumeAttachment": {"volumeId": new}}
    one = f"/servers/{server_id}/{PATH}/{volume}"
    response = cloud.api.put(one, body, version="2.1", token=token)
    assert response.status_int == code, response.text
    if code == 202:
        assert cloud.bus.methods() == ["swap_volume"]
        assert (cinder.status(volume), cinder.status(new)) == ("detaching", "reserved")
        assert cloud.action(server_id)["args"]["new_volume_id"] == new
        assert cloud.api.put(one, body, token=token).status_int == 400  # it is on its way
    else:
        assert cinder.status(new) == "available"


@pytest.mark.parametrize("status", [None, ""])
def test_swap_of_volume_that_cinder_does_not_migrate_is_409(attached, cinder, cloud, status):
    server_id, volume, _ = attached()
    cinder.volumes[volume] |= {"status": "in-use", "migration_status": status}
    cloud.bus.sent.clear()
    new = cinder.add_volume()
    body = {"volumeAttachment": {"volumeId": new}}
    response = cloud.api.put(f"/servers/{server_id}/{PATH}/{volume}", body, token=ADMIN)
    assert response.status_int == 409
    assert "is not migrating" in response.json["conflictingRequest"]["message"]
    assert (cloud.bus.sent, cinder.status(volume), cinder.status(new)) == (
        [],
        "in-use",
        "available",
    )


@pytest.mark.parametrize("state", ["shelved", "shelved_offloaded"])
def test_volumes_of_shelved_servers_before_2_20(attached, cinder, cloud, state):
    server_id, volume, _ = attached()
    cloud.set(server_id, vm_state=state)
    new = {"volumeAttachment": {"volumeId": cinder.add_volume()}}
    cloud.bus.sent.clear()
    for method, path, body in (("POST", PATH, new), ("DELETE", f"{PATH}/{volume}", None)):
        response = cloud.api.request(method, f"/servers/{server_id}/{path}", body, version="2.19")
        assert response.status_int == 409
        assert f"vm_state {state}" in response.json["conflictingRequest"]["message"]
    assert cloud.bus.sent == []
    cinder.volumes[volume]["status"] = "in-use"
    one = f"/servers/{server_id}/{PATH}/{volume}"
    assert cloud.api.delete(one, version="2.20").status_int == 202


def test_volume_without_attachment_is_hidden_since_2_89(attached, cloud, context):
    server_id, volume, _ = attached()
    bdm = BlockDeviceMapping.get_by_volume(context, server_id, volume)
    bdm.attachment_id = None
    bdm.save()
    for version, code, count in (("2.88", 200, 1), ("2.89", 404, 0)):
        path = f"/servers/{server_id}/{PATH}"
        assert cloud.api.get(f"{path}/{volume}", version=version).status_int == code
        assert len(cloud.api.get(path, version=version).json["volumeAttachments"]) == count


def test_pagination_of_volume_attachments(attached, cloud, context):
    server_id, volume, _ = attached()
    listed = f"/servers/{server_id}/{PATH}"
    assert len(cloud.api.get(f"{listed}?limit=1").json["volumeAttachments"]) == 1
    assert cloud.api.get(f"{listed}?offset=1").json["volumeAttachments"] == []
    assert cloud.api.get(f"{listed}?color=red", version="2.75").status_int == 400
    assert cloud.api.get(f"{listed}?limit=many").status_int == 400
