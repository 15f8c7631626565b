"""shelve, shelveOffload and unshelve: the state that is set, the intent, the message, refusals."""

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
def test_shelve(cloud, vm_state):
    server_id = cloud.boot()
    cloud.set(server_id, vm_state=vm_state)
    answer = cloud.act(server_id, "shelve", version="2.1")
    assert (answer.status_int, answer.body) == (202, b"")
    row, begun = cloud.row(server_id), cloud.action(server_id)
    assert row["task_state"] == "shelving"
    assert row["system_metadata"]["shelved_image_id"]
    assert row["system_metadata"]["image_base_image_ref"] == IMAGE
    assert (begun["action"], begun["method"], begun["host"]) == ("shelve", "shelve_instance", HOST)
    assert cloud.bus.sent == [
        ("compute", HOST, "shelve_instance", {"instance_uuid": server_id, "action_id": begun["id"]})
    ]


@pytest.mark.parametrize("vm_state", ["error", "shelved", "shelved_offloaded"])
def test_what_cannot_be_shelved(cloud, vm_state):
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
def test_only_what_is_shelved_here_is_offloaded(cloud, vm_state):
    server_id = cloud.boot()
    cloud.set(server_id, vm_state=vm_state)
    told = conflict(cloud, server_id, "shelveOffload", token=ADMIN)
    assert told == f"Cannot 'shelveOffload' instance {server_id} while it is in vm_state {vm_state}"


# -- unshelve ------------------------------------------------------------------------------------


def test_unshelve_where_it_is(cloud):
    server_id = cloud.boot()
    cloud.set(server_id, vm_state="shelved")
    assert cloud.act(server_id, "unshelve").status_int == 202
    begun = cloud.action(server_id)
    assert (begun["method"], begun["host"]) == ("unshelve_instance", HOST)
    assert [(topic, host) for topic, host, *_ in cloud.bus.sent] == [("compute", HOST)]


@pytest.mark.parametrize(
    ("version", "body", "token", "wishes"),
    [
        ("2.1", None, "user:project", {}),
        ("2.76", {"availability_zone": "cold"}, "user:project", {}),  # nobody looks at it yet
        ("2.77", None, "user:project", {}),
        ("2.77", {"availability_zone": "cold"}, "user:project", {"availability_zone": "cold"}),
        ("2.91", {"availability_zone": None}, "user:project", {"availability_zone": None}),
        ("2.91", {"host": HOST}, ADMIN, {"host": HOST}),
        ("2.91", {"host": "host2", "availability_zone": "cold"}, ADMIN,
         {"host": "host2", "availability_zone": "cold"}),
    ],
)  # fmt: skip
def test_unshelve_asks_a_conductor_for_a_host(cloud, shelved, zone, version, body, token, wishes):
    answer = cloud.act(shelved, "unshelve", body, version=version, token=token)
    assert (answer.status_int, answer.body) == (202, b"")
    assert cloud.row(shelved)["task_state"] == "unshelving"
    begun = cloud.action(shelved)
    assert (begun["host"], begun["args"]) == (None, {"wishes": wishes})
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
def test_wishes_that_are_refused(cloud, shelved, zone, version, body, token, code):
    answer = cloud.act(shelved, "unshelve", body, version=version, token=token)
    assert answer.status_int == code, answer.text
    assert cloud.row(shelved)["task_state"] is None
    assert cloud.bus.sent == []


def test_the_zone_to_which_it_is_pinned_holds(cloud, shelved, zone):
    cloud.set(shelved, pinned_availability_zone=zone)
    body = {"host": HOST}
    assert cloud.act(shelved, "unshelve", body, version="2.91", token=ADMIN).status_int == 409
    body = {"host": HOST, "availability_zone": None}
    assert cloud.act(shelved, "unshelve", body, version="2.91", token=ADMIN).status_int == 202


def test_only_from_no_host_there_is_a_choice(cloud):
    server_id = cloud.boot()
    cloud.set(server_id, vm_state="shelved")
    told = conflict(cloud, server_id, "unshelve", {"availability_zone": "nova"}, version="2.77")
    assert "SHELVED_OFFLOADED" in told


def test_its_volumes_may_hold_it_in_their_zone(cloud, shelved, zone):
    CONF.set_override("cross_az_attach", False, group="cinder")
    try:
        with stub_cinder.serving() as cinder:
            volume = cinder.add_volume(availability_zone="nova")
            attach = {"volumeAttachment": {"volumeId": volume}}
            path = f"/servers/{shelved}/os-volume_attachments"
            assert cloud.api.post(path, attach).status_int == 200
            cloud.bus.sent.clear()
            told = conflict(cloud, shelved, "unshelve", {"availability_zone": zone}, version="2.77")
    finally:
        CONF.clear_override("cross_az_attach", group="cinder")
    assert volume in told


@pytest.mark.parametrize("vm_state", ["active", "stopped", "error"])
def test_what_is_not_shelved_cannot_be_unshelved(cloud, vm_state):
    server_id = cloud.boot()
    cloud.set(server_id, vm_state=vm_state)
    assert f"vm_state {vm_state}" in conflict(cloud, server_id, "unshelve")


# -- one that is on no host ----------------------------------------------------------------------


def test_nothing_that_needs_a_host_is_begun_without_one(cloud, shelved):
    """An administrator may say that it is active; it is not."""
    assert cloud.act(shelved, "os-resetState", {"state": "active"}, token=ADMIN).status_int == 202
    for action, argument in (
        ("os-stop", None), ("reboot", {"type": "HARD"}), ("pause", None), ("suspend", None),
        ("createImage", {"name": "i"}), ("rebuild", {"imageRef": IMAGE}), ("shelve", None),
    ):  # fmt: skip
        assert "is not ready" in conflict(cloud, shelved, action, argument)
    assert cloud.api.delete(f"/servers/{shelved}").status_int == 204


def test_its_delete_is_a_conductors(cloud, shelved):
    assert cloud.api.delete(f"/servers/{shelved}").status_int == 204
    assert cloud.bus.methods() == ["delete_unscheduled_instance"]


def test_a_volume_is_reserved_for_it(cloud, shelved):
    with stub_cinder.serving() as cinder:
        volume = cinder.add_volume()
        body = {"volumeAttachment": {"volumeId": volume, "device": "/dev/vdx"}}
        path = f"/servers/{shelved}/os-volume_attachments"
        answer = cloud.api.post(path, body, version="2.89")
        assert answer.status_int == 200, answer.text
        (attachment,) = cinder.of_instance(shelved)
        assert (attachment["status"], cinder.status(volume)) == ("reserved", "reserved")
        shown = answer.json["volumeAttachment"]
        assert (shown["device"], shown["attachment_id"]) == ("/dev/vdx", attachment["id"])
        assert cloud.bus.methods() == ["attach_volume"]
        db.actions.finish(cloud.action(shelved)["id"], None)
        assert cloud.api.delete(f"{path}/{volume}").status_int == 202
        assert cinder.status(volume) == "reserved"  # a conductor is told to free it
        ((_, host, method, _),) = cloud.bus.sent[1:]
        assert (host, method) == (None, "detach_volume")


@pytest.mark.parametrize(("asked", "fields"), [({"tag": "t"}, {}), ({}, {"multiattach": True})])
def test_volumes_that_only_a_host_could_take(cloud, shelved, asked, fields):
    with stub_cinder.serving() as cinder:
        body = {"volumeAttachment": {"volumeId": cinder.add_volume(**fields), **asked}}
        path = f"/servers/{shelved}/os-volume_attachments"
        answer = cloud.api.post(path, body, version="2.96")
    assert answer.status_int == 400
    assert "SHELVED_OFFLOADED" in answer.json["badRequest"]["message"]
