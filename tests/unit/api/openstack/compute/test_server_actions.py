"""PUT, DELETE and POST .../action: task state, intent, RPC message and errors."""

import pytest

from nova_mini import db, exception
from nova_mini.states import state_checks, task_states, vm_states
from tests.unit.api.openstack.compute.conftest import HOST, IMAGE, OTHER_IMAGE
from tests.unit.conftest import ADMIN
from tests.unit.scheduler import cloud as scheduling

# action -> (its argument, vm_state that allows it, one that does not, task_state, method, args)
ACTIONS = {
    "reboot": (
        {"type": "SOFT"},
        "active",
        "stopped",
        "rebooting",
        "reboot_instance",
        {"reboot_type": "SOFT"},
    ),
    "os-stop": (None, "active", "stopped", "powering-off", "stop_instance", {}),
    "os-start": (None, "stopped", "active", "powering-on", "start_instance", {}),
    "pause": (None, "active", "paused", "pausing", "pause_instance", {}),
    "unpause": (None, "paused", "active", "unpausing", "unpause_instance", {}),
    "suspend": (None, "active", "stopped", "suspending", "suspend_instance", {}),
    "resume": (None, "suspended", "active", "resuming", "resume_instance", {}),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_action_records_intent_and_casts(cloud, action):
    argument, allowed, _, task_state, method, args = ACTIONS[action]
    server_id = cloud.boot()
    cloud.set(server_id, vm_state=allowed)
    response = cloud.act(server_id, action, argument)
    assert (response.status_int, response.body) == (202, b"")
    assert cloud.row(server_id)["task_state"] == task_state
    begun = cloud.action(server_id)
    assert (begun["method"], begun["host"], begun["args"]) == (method, HOST, args)
    assert begun["finish_time"] is None
    assert cloud.bus.sent == [
        ("compute", HOST, method, {"instance_uuid": server_id, "action_id": begun["id"]})
    ]


def conflict(cloud, server_id, action, argument=None, **kwargs) -> str:
    before = cloud.row(server_id)
    response = cloud.act(server_id, action, argument, **kwargs)
    assert response.status_int == 409, response.text
    assert cloud.row(server_id) == before
    assert cloud.bus.sent == []
    return response.json["conflictingRequest"]["message"]


@pytest.mark.parametrize("action", ACTIONS)
def test_action_in_wrong_state_is_409(cloud, action):
    argument, _, refused, *_ = ACTIONS[action]
    server_id = cloud.boot()
    cloud.set(server_id, vm_state=refused)
    name = action.removeprefix("os-")
    assert conflict(cloud, server_id, action, argument) == (
        f"Cannot '{name}' instance {server_id} while it is in vm_state {refused}"
    )


@pytest.mark.parametrize("action", ACTIONS)
def test_action_during_another_task_is_409(cloud, action):
    argument, allowed, *_ = ACTIONS[action]
    server_id = cloud.boot()
    cloud.set(server_id, vm_state=allowed, task_state=task_states.IMAGE_SNAPSHOT)
    assert "task_state image_snapshot" in conflict(cloud, server_id, action, argument)


@pytest.mark.parametrize("action", ACTIONS)
def test_action_on_locked_server_is_409(cloud, action):
    argument, allowed, *_ = ACTIONS[action]
    server_id = cloud.boot()
    cloud.set(server_id, vm_state=allowed, locked=True)
    assert conflict(cloud, server_id, action, argument) == f"Instance {server_id} is locked"
    assert cloud.act(server_id, action, argument, token=ADMIN).status_int == 202


def test_action_on_server_that_was_never_launched(cloud):
    server_id = cloud.boot()
    cloud.set(server_id, launched_at=None)
    assert "never been active" in conflict(cloud, server_id, "os-stop")


def test_action_after_concurrent_state_change_is_409(cloud, monkeypatch):
    """Of two concurrent requests to the same server, the database accepts one."""
    server_id = cloud.boot()
    real_check = state_checks.check

    def check_then_lose(context, instance, action):
        allowed = real_check(context, instance, action)
        cloud.set(server_id, task_state=task_states.PAUSING)
        return allowed

    monkeypatch.setattr(state_checks, "check", check_then_lose)
    response = cloud.act(server_id, "os-stop")
    assert response.status_int == 409
    assert cloud.row(server_id)["task_state"] == task_states.PAUSING
    assert cloud.bus.sent == []


def test_hard_reboot_supersedes_soft_reboot(cloud):
    server_id = cloud.boot()
    cloud.set(server_id, task_state=task_states.REBOOT_STARTED)
    conflict(cloud, server_id, "reboot", {"type": "soft"})
    assert cloud.act(server_id, "reboot", {"type": "Hard"}).status_int == 202
    assert cloud.row(server_id)["task_state"] == task_states.REBOOTING_HARD
    assert cloud.act(server_id, "reboot", {"type": "HARD"}).status_int == 202


def test_invalid_action_bodies(cloud):
    server_id = cloud.boot()
    for body in (
        {},
        [],
        "x",
        {"nonsense": None},
        {"os-start": None, "os-stop": None},
        {"reboot": {}},
        {"reboot": {"type": "GENTLE"}},
        {"rebuild": {}},
        {"createImage": {}},
        {"os-resetState": {"state": "paused"}},
        {"os-getVNCConsole": {"type": "screen"}},
    ):
        response = cloud.api.post(f"/servers/{server_id}/action", body)
        assert response.status_int == 400, body


def test_action_on_unknown_server_is_404(cloud):
    for action, (argument, *_) in ACTIONS.items():
        assert cloud.act(IMAGE, action, argument).status_int == 404
    assert cloud.act(cloud.boot(), "os-stop", token="u:other").status_int == 404


# -- delete --------------------------------------------------------------------------------------


def test_delete_records_intent_and_casts(cloud):
    server_id = cloud.boot()
    cloud.act(server_id, "os-stop")
    stop = cloud.action(server_id)
    cloud.bus.sent.clear()
    response = cloud.api.delete(f"/servers/{server_id}")
    assert (response.status_int, response.body) == (204, b"")
    assert cloud.row(server_id)["task_state"] == "deleting"
    begun = cloud.action(server_id)
    assert (begun["action"], begun["method"], begun["host"]) == (
        "delete",
        "terminate_instance",
        HOST,
    )
    assert db.actions.get(stop["id"])["finish_time"], "deleting ends what goes on"
    assert cloud.bus.methods() == ["terminate_instance"]


def test_delete_is_idempotent(cloud):
    server_id = cloud.boot()
    cloud.api.delete(f"/servers/{server_id}")
    assert cloud.api.delete(f"/servers/{server_id}").status_int == 204
    assert cloud.bus.methods() == ["terminate_instance"]


def test_delete_before_scheduling(cloud):
    server_id = cloud.api.post("/servers", cloud.body(), version="2.37").json["server"]["id"]
    cloud.bus.sent.clear()
    assert cloud.api.delete(f"/servers/{server_id}").status_int == 204
    begun = cloud.action(server_id)
    assert (begun["method"], begun["host"]) == ("delete_unscheduled_instance", None)
    assert cloud.bus.sent == [
        ("conductor", None, "delete_unscheduled_instance", {"action_ids": [begun["id"]]})
    ]


def test_delete_of_locked_server(cloud):
    server_id = cloud.boot()
    cloud.act(server_id, "lock")
    assert cloud.api.delete(f"/servers/{server_id}").status_int == 409
    assert cloud.api.delete(f"/servers/{server_id}", token=ADMIN).status_int == 204


# -- update --------------------------------------------------------------------------------------


def test_update_changes_the_record(cloud):
    server_id = cloud.boot()
    changes = {
        "name": "new",
        "description": None,
        "accessIPv4": "192.0.2.7",
        "hostname": "new.host",
        "accessIPv6": "2001:0db8:0000:0000:0000:0000:0000:0001",
        "OS-DCF:diskConfig": "AUTO",
    }
    response = cloud.api.put(f"/servers/{server_id}", {"server": changes}, version="2.94")
    assert response.status_int == 200, response.text
    server = response.json["server"]
    assert (server["name"], server["description"]) == ("new", None)
    assert (server["accessIPv4"], server["accessIPv6"]) == ("192.0.2.7", "2001:db8::1")
    assert server["OS-DCF:diskConfig"] == "AUTO"
    assert server["OS-EXT-SRV-ATTR:hostname"] == "new.host"


def test_update_returns_all_fields_since_2_75(cloud):
    server_id = cloud.boot()
    body = {"server": {"name": "new"}}
    shown = set(cloud.api.get(f"/servers/{server_id}", version="2.75").json["server"])
    old = set(cloud.api.put(f"/servers/{server_id}", body, version="2.74").json["server"])
    new = set(cloud.api.put(f"/servers/{server_id}", body, version="2.75").json["server"])
    assert new == shown
    assert "key_name" not in old


def test_empty_update(cloud):
    server_id = cloud.boot()
    response = cloud.api.put(f"/servers/{server_id}", {"server": {}}, version="2.1")
    assert (response.status_int, response.json["server"]["name"]) == (200, "one")


def test_invalid_updates_are_refused(cloud):
    server_id = cloud.boot()
    for changes in (
        {"name": ""},
        {"name": "a\nb"},
        {"description": "a\x1bb"},
        {"accessIPv4": "x"},
        {"metadata": {}},
        {"hostname": "h1"},
    ):
        response = cloud.api.put(f"/servers/{server_id}", {"server": changes}, version="2.89")
        assert response.status_int == 400, changes


# -- lock, reset ---------------------------------------------------------------------------------


def test_lock_and_unlock(cloud):
    server_id = cloud.boot()
    assert cloud.act(server_id, "lock", {"locked_reason": "mine"}, version="2.73").status_int == 202
    server = cloud.api.get(f"/servers/{server_id}", version="2.73").json["server"]
    assert (server["locked"], server["locked_reason"]) == (True, "mine")
    assert cloud.action(server_id)["action"] == "lock"
    assert cloud.action(server_id)["finish_time"]
    assert cloud.act(server_id, "unlock").status_int == 202
    server = cloud.api.get(f"/servers/{server_id}", version="2.73").json["server"]
    assert (server["locked"], server["locked_reason"]) == (False, None)


def test_owner_cannot_unlock_admin_lock(cloud):
    server_id = cloud.boot()
    cloud.act(server_id, "lock", token=ADMIN)
    assert cloud.act(server_id, "lock").status_int == 202
    assert cloud.act(server_id, "unlock").status_int == 403
    assert cloud.row(server_id)["locked"]
    assert cloud.act(server_id, "unlock", token=ADMIN).status_int == 202


def test_reset_state(cloud):
    server_id = cloud.boot()
    cloud.act(server_id, "os-stop")
    stop = cloud.action(server_id)
    state = {"state": "error"}
    assert cloud.act(server_id, "os-resetState", state).status_int == 403
    assert cloud.act(server_id, "os-resetState", state, token=ADMIN).status_int == 202
    row = cloud.row(server_id)
    assert (row["vm_state"], row["task_state"]) == (vm_states.ERROR, None)
    assert db.actions.get(stop["id"])["finish_time"]


# -- rebuild and image ---------------------------------------------------------------------------


def test_rebuild_records_intent_and_casts(cloud):
    server_id = cloud.boot(metadata={"old": "1"})
    cloud.glance.images[OTHER_IMAGE]["hw_disk_bus"] = "scsi"
    body = {
        "imageRef": OTHER_IMAGE,
        "name": "new",
        "adminPass": "secret",
        "metadata": {"new": "2"},
        "key_name": None,
        "user_data": None,
        "description": "d",
    }
    response = cloud.act(server_id, "rebuild", body, version="2.79")
    assert response.status_int == 202, response.text
    server = response.json["server"]
    assert (server["status"], server["name"], server["adminPass"]) == ("REBUILD", "new", "secret")
    assert server["image"]["id"] == OTHER_IMAGE
    assert server["metadata"] == {"new": "2"}
    row = cloud.row(server_id)
    assert row["system_metadata"]["image_hw_disk_bus"] == "scsi"
    assert row["system_metadata"]["image_base_image_ref"] == OTHER_IMAGE
    begun = cloud.action(server_id)
    assert begun["method"] == "rebuild_instance"
    before = begun["args"].pop("before")
    assert (before["fields"]["image_ref"], before["fields"]["display_name"]) == (IMAGE, "one")
    assert before["system_metadata"]["authorized_images"] == IMAGE
    assert begun["args"] == {
        "image_ref": OTHER_IMAGE,
        "orig_image_ref": IMAGE,
        "admin_password": "secret",
        "injected_files": [],
    }
    assert "secret" not in str(cloud.bus.sent)


def test_rebuild_keeps_properties_that_are_not_in_the_body(cloud):
    server_id = cloud.boot(metadata={"old": "1"}, user_data="QUFB")
    response = cloud.act(server_id, "rebuild", {"imageRef": IMAGE}, version="2.57")
    server = response.json["server"]
    assert (server["name"], server["metadata"]) == ("one", {"old": "1"})
    assert (server["user_data"], server["key_name"]) == ("QUFB", None)
    assert len(server["adminPass"]) == 12


def test_rebuild_shows_user_data_once(cloud):
    server_id = cloud.boot(user_data="QUFB")
    response = cloud.act(server_id, "rebuild", {"imageRef": IMAGE}, version="2.75", token=ADMIN)
    server = response.json["server"]
    assert server["user_data"] == "QUFB"
    assert "OS-EXT-SRV-ATTR:user_data" not in server
    assert server["OS-EXT-SRV-ATTR:host"] == HOST


def test_invalid_rebuilds_are_refused(cloud):
    server_id = cloud.boot()
    for body, version in (
        ({"imageRef": "11111111-2222-3333-4444-555555555555"}, "2.79"),
        ({"imageRef": IMAGE, "key_name": "nokey"}, "2.79"),
        ({"imageRef": IMAGE, "key_name": None}, "2.53"),
        ({"imageRef": IMAGE, "trusted_image_certificates": ["x"]}, "2.79"),
    ):
        response = cloud.act(server_id, "rebuild", body, version=version)
        assert response.status_int == 400, body
    cloud.set(server_id, vm_state="paused")
    conflict(cloud, server_id, "rebuild", {"imageRef": IMAGE})


@pytest.mark.parametrize(
    "properties",
    [
        {"hw_architecture": "aarch64"},
        {"architecture": "arm64"},
        {"img_hv_type": "xen"},
        {"hw_vm_mode": "exe"},
        {"img_hv_requested_version": ">=9.0"},
    ],
    ids=str,
)
def test_rebuild_image_must_fit_the_present_host(cloud, properties):
    """CVE-2017-16239: a rebuild bypassed the scheduler's filters."""
    server_id = cloud.boot()
    supported = {"supported_instances": [["x86_64", "fake", "hvm"]]}
    node = {"hypervisor_version": 1_000_000, **supported}
    models = db.models.compute_nodes
    db.query.update(models, node, models.c.host == HOST)
    cloud.glance.images[OTHER_IMAGE].update(properties)
    response = cloud.act(server_id, "rebuild", {"imageRef": OTHER_IMAGE}, version="2.79")
    assert response.status_int == 400
    assert HOST not in response.text
    assert cloud.row(server_id)["image_ref"] == IMAGE
    assert cloud.bus.sent == []
    cloud.glance.images[OTHER_IMAGE] |= dict.fromkeys(properties)
    cloud.glance.images[OTHER_IMAGE]["hw_architecture"] = "amd64"
    response = cloud.act(server_id, "rebuild", {"imageRef": OTHER_IMAGE}, version="2.79")
    assert response.status_int == 202, response.text


@pytest.mark.parametrize(
    ("need", "traits", "status"),
    [
        ("required", ["CUSTOM_GOLD"], 202),
        ("required", [], 400),
        ("required", None, 400),
        ("forbidden", ["CUSTOM_GOLD"], 400),
        ("forbidden", ["COMPUTE_NODE"], 202),
        ("wanted", ["CUSTOM_GOLD"], 400),
    ],
)
def test_rebuild_with_an_image_that_needs_traits(cloud, need, traits, status):
    server_id = cloud.boot()
    nodes = db.models.compute_nodes
    db.query.update(nodes, {"traits": traits}, nodes.c.host == HOST)
    cloud.glance.images[OTHER_IMAGE]["trait:CUSTOM_GOLD"] = need
    answer = cloud.act(server_id, "rebuild", {"imageRef": OTHER_IMAGE}, version="2.79")
    assert answer.status_int == status, answer.text
    assert HOST not in answer.text


def test_rebuild_with_an_isolated_image(cloud, override):
    """The scheduler's filters that isolate images hold for a rebuild, too."""
    override("enabled_filters", ["IsolatedHostsFilter"], "filter_scheduler")
    override("isolated_images", [OTHER_IMAGE], "filter_scheduler")
    server_id = cloud.boot()
    answer = cloud.act(server_id, "rebuild", {"imageRef": OTHER_IMAGE}, version="2.79")
    assert answer.status_int == 400
    assert HOST not in answer.text
    assert cloud.row(server_id)["image_ref"] == IMAGE
    override("isolated_hosts", [HOST], "filter_scheduler")
    same = cloud.act(server_id, "rebuild", {"imageRef": IMAGE}, version="2.79")
    assert same.status_int == 202, "the image stays, so nothing is checked"
    cloud.set(server_id, task_state=None)
    answer = cloud.act(server_id, "rebuild", {"imageRef": OTHER_IMAGE}, version="2.79")
    assert answer.status_int == 202, answer.text


def test_rebuild_with_an_image_that_the_aggregate_excludes(cloud, override):
    override("enabled_filters", ["AggregateImagePropertiesIsolation"], "filter_scheduler")
    cloud.glance.images[OTHER_IMAGE]["os_distro"] = "debian"
    server_id = cloud.boot()
    scheduling.add_aggregate("windows", [HOST], os_distro="windows")
    answer = cloud.act(server_id, "rebuild", {"imageRef": OTHER_IMAGE}, version="2.79")
    assert answer.status_int == 400
    assert "may not run" in answer.text
    scheduling.add_aggregate("debian", [HOST], os_distro="debian, ubuntu")
    answer = cloud.act(server_id, "rebuild", {"imageRef": OTHER_IMAGE}, version="2.79")
    assert answer.status_int == 202, answer.text


def test_create_image_returns_id(cloud):
    cloud.glance.images[IMAGE]["owner_specified.openstack.md5"] = "x"
    server_id = cloud.boot()
    body = {"name": "snap", "metadata": {"mine": "yes"}}
    response = cloud.act(server_id, "createImage", body, version="2.45")
    assert response.status_int == 202
    image_id = response.json["image_id"]
    image = cloud.glance.images[image_id]
    expected = {
        "name": "snap",
        "visibility": "private",
        "image_type": "snapshot",
        "mine": "yes",
        "instance_uuid": server_id,
        "base_image_ref": IMAGE,
        "hw_disk_bus": "virtio",
        "min_disk": 1,
        "min_ram": 64,
        "disk_format": "raw",
        "container_format": "bare",
    }
    assert {name: image[name] for name in expected} == expected
    assert "owner_specified.openstack.md5" not in image
    begun = cloud.action(server_id)
    assert (begun["method"], begun["args"]) == ("snapshot_instance", {"image_id": image_id})
    assert cloud.row(server_id)["task_state"] == "image_snapshot_pending"
    assert cloud.bus.methods() == ["snapshot_instance"]


def test_create_image_returns_location_before_2_45(cloud):
    response = cloud.act(cloud.boot(), "createImage", {"name": "snap"}, version="2.44")
    assert (response.status_int, response.body) == (202, b"")
    assert response.headers["Location"].rpartition("/")[2] in cloud.glance.images


def test_invalid_create_image_is_refused(cloud):
    server_id = cloud.boot()
    for body in ({"name": ""}, {"name": "s", "metadata": {"status": "active"}}):
        assert cloud.act(server_id, "createImage", body).status_int == 400, body
    assert cloud.row(server_id)["task_state"] is None


def test_create_image_refused_by_glance_leaves_no_task_state(cloud):
    server_id = cloud.boot()
    cloud.glance.refuses = 413
    assert cloud.act(server_id, "createImage", {"name": "snap"}).status_int == 403
    assert cloud.row(server_id)["task_state"] is None
    assert cloud.action(server_id)["message"] == "Error"
    assert cloud.action(server_id)["finish_time"]
    assert cloud.bus.sent == []


# -- console -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "tail_length"),
    [({}, None), ({"length": None}, None), ({"length": -1}, None), ({"length": "5"}, 5)],
)
def test_console_output(cloud, argument, tail_length):
    server_id = cloud.boot()
    cloud.bus.responses["get_console_output"] = "hello\n"
    response = cloud.act(server_id, "os-getConsoleOutput", argument)
    assert response.json == {"output": "hello\n"}
    _topic, server, _method, kwargs = cloud.bus.sent[0]
    assert (server, kwargs["tail_length"]) == (HOST, tail_length)


def test_console_output_not_available(cloud):
    server_id = cloud.boot()
    cloud.bus.responses["get_console_output"] = exception.ConsoleNotAvailable()
    assert cloud.act(server_id, "os-getConsoleOutput", {}).status_int == 404
    cloud.set(server_id, host=None)
    assert cloud.act(server_id, "os-getConsoleOutput", {}).status_int == 409
