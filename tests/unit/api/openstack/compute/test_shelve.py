"""shelve, shelveOffload and unshelve: task state, intent, RPC message and errors."""

import pytest

from nova_mini import db
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.objects.aggregate import Aggregate
from tests.unit.api.openstack.compute.conftest import HOST, IMAGE, make_host
from tests.unit.api.openstack.compute.test_server_actions import conflict
from tests.unit.conftest import ADMIN
from tests.unit.volume import stub_cinder


@pytest.fixture
def shelved(cloud) -> str:
    """A server that is on no host."""
    server_id = cloud.boot()
    cloud.set(server_id, vm_state="shelved_offloaded", power_state=0, host=None, node=None)
    return server_id


@pytest.fixture
def zone(cloud) -> str:
    """Another zone, with one host."""
    make_host("host2")
    context = get_admin_context()
    aggregate = Aggregate(context, name="a", metadata={"availability_zone": "cold"})
    aggregate.create()
    aggregate.add_host("host2")
    return "cold"


# -- shelve --------------------------------------------------------------------------------------


@pytest.mark.parametrize("vm_state", ["active", "stopped", "paused", "suspended"])
def test_shelve_records_intent_and_casts(cloud, vm_state):
    server_id = cloud.boot()
    cloud.set(server_id, vm_state=vm_state)
    response = cloud.act(server_id, "shelve", version="2.1")
    assert (response.status_int, response.body) == (202, b"")
    row, begun = cloud.row(server_id), cloud.action(server_id)
    assert row["task_state"] == "shelving"
    assert row["system_metadata"]["shelved_image_id"]
    assert row["system_metadata"]["image_base_image_ref"] == IMAGE
    assert (begun["action"], begun["method"], begun["host"]) == ("shelve", "shelve_instance", HOST)
    assert cloud.bus.sent == [
        ("compute", HOST, "shelve_instance", {"instance_uuid": server_id, "action_id": begun["id"]})
    ]


@pytest.mark.parametrize("vm_state", ["error", "shelved", "shelved_offloaded"])
def test_shelve_in_wrong_state_is_409(cloud, vm_state):
    server_id = cloud.boot()
    cloud.set(server_id, vm_state=vm_state)
    assert conflict(cloud, server_id, "shelve") == (
        f"Cannot 'shelve' instance {server_id} while it is in vm_state {vm_state}"
    )


def test_shelve_offload_is_for_administrators(cloud):
    server_id = cloud.boot()
    cloud.set(server_id, vm_state="shelved")
    assert cloud.act(server_id, "shelveOffload").status_int == 403
    assert cloud.act(server_id, "shelveOffload", token=ADMIN).status_int == 202
    assert cloud.row(server_id)["task_state"] == "shelving_offloading"
    begun = cloud.action(server_id)
    assert (begun["action"], begun["method"]) == ("shelveOffload", "shelve_offload_instance")
    assert "task_state" in cloud.act(server_id, "shelveOffload", token=ADMIN).text


@pytest.mark.parametrize("vm_state", ["active", "stopped", "shelved_offloaded"])
def test_shelve_offload_in_wrong_state_is_409(cloud, vm_state):
    server_id = cloud.boot()
    cloud.set(server_id, vm_state=vm_state)
    message = conflict(cloud, server_id, "shelveOffload", token=ADMIN)
    assert (
        message == f"Cannot 'shelveOffload' instance {server_id} while it is in vm_state {vm_state}"
    )


# -- unshelve ------------------------------------------------------------------------------------


def test_unshelve_on_the_same_host(cloud):
    server_id = cloud.boot()
    cloud.set(server_id, vm_state="shelved")
    assert cloud.act(server_id, "unshelve").status_int == 202
    begun = cloud.action(server_id)
    assert (begun["method"], begun["host"]) == ("unshelve_instance", HOST)
    assert [(topic, host) for topic, host, *_ in cloud.bus.sent] == [("compute", HOST)]


@pytest.mark.parametrize(
    ("version", "body", "token", "arguments"),
    [
        ("2.1", None, "user:project", {}),
        ("2.76", {"availability_zone": "cold"}, "user:project", {}),  # ignored before 2.77
        ("2.77", None, "user:project", {}),
        ("2.77", {"availability_zone": "cold"}, "user:project", {"availability_zone": "cold"}),
        ("2.91", {"availability_zone": None}, "user:project", {"availability_zone": None}),
        ("2.91", {"host": HOST}, ADMIN, {"host": HOST}),
        (
            "2.91",
            {"host": "host2", "availability_zone": "cold"},
            ADMIN,
            {"host": "host2", "availability_zone": "cold"},
        ),
    ],
)
def test_unshelve_of_offloaded_server_is_sent_to_a_conductor(
    cloud, shelved, zone, version, body, token, arguments
):
    response = cloud.act(shelved, "unshelve", body, version=version, token=token)
    assert (response.status_int, response.body) == (202, b"")
    assert cloud.row(shelved)["task_state"] == "unshelving"
    begun = cloud.action(shelved)
    assert (begun["host"], begun["args"]) == (None, {"wishes": arguments})
    ((topic, host, method, kwargs),) = cloud.bus.sent
    assert (topic, host, method) == ("conductor", None, "unshelve_instance")
    assert kwargs == {"action_ids": [begun["id"]]}


@pytest.mark.parametrize(
    ("version", "body", "token", "code"),
    [
        ("2.77", {}, "user:project", 400),
        ("2.77", {"availability_zone": None}, "user:project", 400),
        ("2.77", {"host": HOST}, ADMIN, 400),
        ("2.77", "cold", "user:project", 400),
        ("2.77", {"availability_zone": "nowhere"}, "user:project", 400),
        ("2.91", {}, ADMIN, 400),
        ("2.91", {"host": None}, ADMIN, 400),
        ("2.91", {"host": HOST, "node": HOST}, ADMIN, 400),
        ("2.91", {"host": HOST}, "user:project", 403),
        ("2.91", {"host": "nowhere"}, ADMIN, 404),
        ("2.91", {"host": HOST, "availability_zone": "cold"}, ADMIN, 409),
    ],
)
def test_invalid_unshelve_arguments_are_refused(cloud, shelved, zone, version, body, token, code):
    response = cloud.act(shelved, "unshelve", body, version=version, token=token)
    assert response.status_int == code, response.text
    assert cloud.row(shelved)["task_state"] is None
    assert cloud.bus.sent == []


def test_unshelve_keeps_the_pinned_zone(cloud, shelved, zone):
    cloud.set(shelved, pinned_availability_zone=zone)
    body = {"host": HOST}
    assert cloud.act(shelved, "unshelve", body, version="2.91", token=ADMIN).status_int == 409
    body = {"host": HOST, "availability_zone": None}
    assert cloud.act(shelved, "unshelve", body, version="2.91", token=ADMIN).status_int == 202


def test_zone_and_host_need_an_offloaded_server(cloud):
    server_id = cloud.boot()
    cloud.set(server_id, vm_state="shelved")
    message = conflict(cloud, server_id, "unshelve", {"availability_zone": "nova"}, version="2.77")
    assert "SHELVED_OFFLOADED" in message


def test_zone_of_volumes_restricts_unshelve(cloud, shelved, zone):
    CONF.set_override("cross_az_attach", False, group="cinder")
    try:
        with stub_cinder.serving() as cinder:
            volume = cinder.add_volume(availability_zone="nova")
            attach = {"volumeAttachment": {"volumeId": volume}}
            path = f"/servers/{shelved}/os-volume_attachments"
            assert cloud.api.post(path, attach, version="2.20").status_int == 200
            cloud.bus.sent.clear()
            message = conflict(
                cloud, shelved, "unshelve", {"availability_zone": zone}, version="2.77"
            )
    finally:
        CONF.clear_override("cross_az_attach", group="cinder")
    assert volume in message


@pytest.mark.parametrize("vm_state", ["active", "stopped", "error"])
def test_unshelve_in_wrong_state_is_409(cloud, vm_state):
    server_id = cloud.boot()
    cloud.set(server_id, vm_state=vm_state)
    assert f"vm_state {vm_state}" in conflict(cloud, server_id, "unshelve")


# -- one that is on no host ----------------------------------------------------------------------


def test_actions_on_offloaded_server_are_409(cloud, shelved):
    """Also after an administrator has reset its state to active, although it is on no host."""
    assert cloud.act(shelved, "os-resetState", {"state": "active"}, token=ADMIN).status_int == 202
    for action, argument in (
        ("os-stop", None),
        ("reboot", {"type": "HARD"}),
        ("pause", None),
        ("suspend", None),
        ("createImage", {"name": "i"}),
        ("rebuild", {"imageRef": IMAGE}),
        ("shelve", None),
    ):
        assert "is not ready" in conflict(cloud, shelved, action, argument)
    assert cloud.api.delete(f"/servers/{shelved}").status_int == 204


def test_delete_of_offloaded_server_is_sent_to_a_conductor(cloud, shelved):
    assert cloud.api.delete(f"/servers/{shelved}").status_int == 204
    assert cloud.bus.methods() == ["delete_unscheduled_instance"]


def test_volume_is_reserved_for_offloaded_server(cloud, shelved):
    with stub_cinder.serving() as cinder:
        volume = cinder.add_volume()
        body = {"volumeAttachment": {"volumeId": volume, "device": "/dev/vdx"}}
        path = f"/servers/{shelved}/os-volume_attachments"
        response = cloud.api.post(path, body, version="2.89")
        assert response.status_int == 200, response.text
        (attachment,) = cinder.of_instance(shelved)
        assert (attachment["status"], cinder.status(volume)) == ("reserved", "reserved")
        shown = cloud.api.get(f"{path}/{volume}", version="2.89").json["volumeAttachment"]
        assert (shown["device"], shown["attachment_id"]) == ("/dev/vdx", attachment["id"])
        assert cloud.bus.methods() == ["attach_volume"]
        db.actions.finish(cloud.action(shelved)["id"], None)
        assert cloud.api.delete(f"{path}/{volume}", version="2.20").status_int == 202
        assert cinder.status(volume) == "reserved"  # a conductor will free it
        ((_, host, method, _),) = cloud.bus.sent[1:]
        assert (host, method) == (None, "detach_volume")


@pytest.mark.parametrize(
    ("properties", "fields"), [({"tag": "t"}, {}), ({}, {"multiattach": True})]
)
def test_volumes_that_need_a_host_are_refused_for_offloaded_server(
    cloud, shelved, properties, fields
):
    with stub_cinder.serving() as cinder:
        body = {"volumeAttachment": {"volumeId": cinder.add_volume(**fields), **properties}}
        path = f"/servers/{shelved}/os-volume_attachments"
        response = cloud.api.post(path, body, version="2.96")
    assert response.status_int == 400
    assert "shelved-offloaded" in response.json["badRequest"]["message"]
