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
    """A server to which its host gives volumes: ``attached(**asked)`` -> (server, volume, body)."""
    server_id = cloud.boot()

    def attach(version="2.96", volume=None, ends=None, **asked):
        volume = volume or cinder.add_volume()
        bdm = BlockDeviceMapping.new(
            context, uuid=IMAGE, instance_uuid=server_id, source_type="volume",
            destination_type="volume", volume_id=volume, device_name="/dev/vdb",
            delete_on_termination=asked.get("delete_on_termination", False),
            tag=asked.get("tag"),
        )  # fmt: skip

        class Answers(dict):
            """The host is asked when the action is known, and records the mapping for it."""

            def __getitem__(self, method):
                (*_, (_topic, server, _method, kwargs)) = cloud.bus.sent
                assert server == HOST and kwargs["asked"]["volume_id"] == volume
                bdm.uuid = kwargs["asked"]["uuid"]
                bdm.create(kwargs["action_id"])
                if ends:
                    ends(bdm)
                return bdm

        cloud.bus.answers = Answers()
        body = {"volumeAttachment": {"volumeId": volume, **asked}}
        answer = cloud.api.post(f"/servers/{server_id}/{PATH}", body, version=version)
        return server_id, volume, answer

    return attach


PATH = "os-volume_attachments"
DEVICE = {"device": "/dev/vdb"}


@pytest.mark.parametrize(
    ("version", "more"),
    [
        ("2.1", {"id": True}),
        ("2.70", {"id": True, "tag": None}),
        ("2.79", {"id": True, "tag": None, "delete_on_termination": False}),
        ("2.89", {"tag": None, "delete_on_termination": False, "attachment_id": True,
                  "bdm_uuid": True}),
    ],
)  # fmt: skip
def test_attach_shows_what_its_version_knows(attached, cinder, cloud, version, more):
    server_id, volume, answer = attached(version=version)
    assert answer.status_int == 200, answer.text
    (attachment,) = cinder.of_instance(server_id)
    expected = {"volumeId": volume, "serverId": server_id, **DEVICE, **more}
    if "id" in more:
        expected["id"] = volume
    if "attachment_id" in more:
        expected["attachment_id"] = attachment["id"]
        expected["bdm_uuid"] = answer.json["volumeAttachment"]["bdm_uuid"]
    assert answer.json["volumeAttachment"] == expected
    for path, key in ((f"{PATH}/{volume}", "volumeAttachment"), (PATH, "volumeAttachments")):
        shown = cloud.api.get(f"/servers/{server_id}/{path}", version=version).json[key]
        assert shown == (expected if key == "volumeAttachment" else [expected])


def test_the_intent_is_recorded_and_the_host_told(attached, cinder, cloud):
    server_id, volume, _ = attached(tag="data", delete_on_termination=True)
    assert cinder.status(volume) == "reserved"
    assert cloud.bus.methods() == ["reserve_block_device_name", "attach_volume"]
    (action, *_) = db.actions.get_by_instance(server_id)
    assert (action["action"], action["host"]) == ("attach_volume", HOST)
    (mapping,) = [m for m in db.block_device_mappings.get_by_instances([server_id])
                  if m["volume_id"]]  # fmt: skip
    assert action["args"] == {"bdm_uuid": mapping["uuid"]}
    server = cloud.api.get(f"/servers/{server_id}", version="2.96").json["server"]
    assert server["os-extended-volumes:volumes_attached"] == [
        {"id": volume, "delete_on_termination": True}
    ]


@pytest.mark.parametrize(
    ("attachment_id", "code", "told"),
    [
        (IMAGE, 200, "attach_volume"),  # started again, it has reserved the volume itself
        (None, 503, "detach_volume"),
    ],
)
def test_the_hosts_answer_is_lost(attached, cinder, cloud, attachment_id, code, told):
    def die(bdm):
        if attachment_id:
            bdm.attachment_id = attachment_id
            bdm.save()
        raise messaging.MessagingTimeout("no answer")

    server_id, _volume, answer = attached(ends=die)
    assert answer.status_int == code, answer.text
    assert cloud.bus.methods() == ["reserve_block_device_name", told]
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
def test_which_volumes_can_be_attached(attached, cinder, cloud, fields, version, code):
    volume = cinder.add_volume(**fields)
    server_id, _, answer = attached(version=version, volume=volume)
    assert answer.status_int == code, answer.text
    if code != 200:
        assert volume in answer.json["badRequest"]["message"]
        assert cloud.bus.sent == [] and cinder.attachments == {}


@pytest.mark.parametrize(
    ("asked", "version"),
    [
        ({"volumeId": "no-uuid"}, "2.96"),
        ({"device": "/etc/passwd"}, "2.96"),
        ({"device": "/dev/vdb;reboot"}, "2.96"),
        ({"tag": "a"}, "2.48"),
        ({"delete_on_termination": True}, "2.78"),
        ({"delete_on_termination": "perhaps"}, "2.96"),
    ],
)
def test_bad_bodies(attached, asked, version):
    _, _, answer = attached(version=version, **asked)
    assert answer.status_int == 400


def test_unknown_things(cloud, cinder, attached):
    server_id, volume, _ = attached()
    one = f"/servers/{server_id}/{PATH}/{IMAGE}"
    assert cloud.api.get(one).status_int == 404
    assert cloud.api.delete(one).status_int == 404
    body = {"volumeAttachment": {"volumeId": IMAGE}}
    assert cloud.api.post(f"/servers/{server_id}/{PATH}", body).status_int == 404
    others = f"/servers/{server_id}/{PATH}/{volume}"
    assert cloud.api.get(others, token="user:other").status_int == 404
    assert cloud.api.delete(others, token="user:other").status_int == 404


def test_the_state_of_the_server_must_allow_it(cloud, cinder):
    server_id = cloud.boot()
    cloud.set(server_id, vm_state="suspended")
    body = {"volumeAttachment": {"volumeId": cinder.add_volume()}}
    assert cloud.api.post(f"/servers/{server_id}/{PATH}", body).status_int == 409
    assert cinder.attachments == {}


def test_detach(attached, cinder, cloud):
    server_id, volume, _ = attached()
    cinder.volumes[volume]["status"] = "in-use"
    answer = cloud.api.delete(f"/servers/{server_id}/{PATH}/{volume}")
    assert answer.status_int == 202
    assert cinder.status(volume) == "detaching"
    assert cloud.bus.methods()[-1] == "detach_volume"


def test_what_cinder_will_not_detach_is_left_alone(attached, cinder, cloud):
    server_id, volume, _ = attached()
    answer = cloud.api.delete(f"/servers/{server_id}/{PATH}/{volume}")  # it is reserved
    assert answer.status_int == 400
    assert db.actions.get_by_instance(server_id)[0]["message"] == "Error"


def test_whether_it_goes_with_the_server_can_be_changed(attached, cloud):
    server_id, volume, _ = attached()
    one = f"/servers/{server_id}/{PATH}/{volume}"

    def put(version="2.85", token="user:project", **asked):
        body = {"volumeAttachment": {"volumeId": volume, **asked}}
        return cloud.api.put(one, body, version=version, token=token).status_int

    assert put(delete_on_termination=True, device="/dev/vdb") == 202
    assert cloud.api.get(one, version="2.85").json["volumeAttachment"]["delete_on_termination"]
    assert put(device="/dev/vdz") == 400
    assert put(version="2.84", delete_on_termination=True) == 400
    assert put(version="2.84") == 403  # a swap is for administrators
    assert put(volumeId=IMAGE) == 403
    assert put(volumeId=IMAGE, token=ADMIN) == 400  # no such volume


@pytest.mark.parametrize(("token", "code"), [(ADMIN, 202), ("user:project", 403)])
def test_who_may_swap(attached, cinder, cloud, token, code):
    server_id, volume, _ = attached()
    cinder.volumes[volume]["status"] = "in-use"
    cloud.bus.sent.clear()
    new = cinder.add_volume()
    body = {"volumeAttachment": {"volumeId": new}}
    one = f"/servers/{server_id}/{PATH}/{volume}"
    answer = cloud.api.put(one, body, version="2.1", token=token)
    assert answer.status_int == code, answer.text
    if code == 202:
        assert cloud.bus.methods() == ["swap_volume"]
        assert (cinder.status(volume), cinder.status(new)) == ("detaching", "reserved")
        assert cloud.action(server_id)["args"]["new_volume_id"] == new
        assert cloud.api.put(one, body, token=token).status_int == 400  # it is on its way
    else:
        assert cinder.status(new) == "available"


def test_pages(attached, cloud, context):
    server_id, volume, _ = attached()
    listed = f"/servers/{server_id}/{PATH}"
    assert len(cloud.api.get(f"{listed}?limit=1").json["volumeAttachments"]) == 1
    assert cloud.api.get(f"{listed}?offset=1").json["volumeAttachments"] == []
    assert cloud.api.get(f"{listed}?color=red", version="2.75").status_int == 400
    assert cloud.api.get(f"{listed}?limit=many").status_int == 400
