import datetime

import pytest

from nova_mini import db
from tests.unit.conftest import ADMIN


def history(cloud, server_id, query="", **kwargs):
    response = cloud.api.get(f"/servers/{server_id}/os-instance-actions{query}", **kwargs)
    assert response.status_int == 200, response.text
    return response.json["instanceActions"]


def test_list_and_show_actions(cloud):
    server_id = cloud.boot()
    response = cloud.act(server_id, "lock")
    lock, create = history(cloud, server_id)
    assert (lock["action"], create["action"]) == ("lock", "create")
    assert lock == {
        "action": "lock",
        "instance_uuid": server_id,
        "request_id": response.headers["x-compute-request-id"],
        "user_id": "user",
        "project_id": "project",
        "start_time": lock["start_time"],
        "message": None,
    }


@pytest.fixture
def failed(cloud):
    """A server with an action that failed on its host."""
    server_id = cloud.boot()
    request_id = cloud.act(server_id, "reboot", {"type": "SOFT"}).headers["x-compute-request-id"]
    action = cloud.action(server_id)
    db.actions.event_start(action["id"], "compute_reboot_instance", "host1")
    db.actions.event_finish(
        action["id"], "compute_reboot_instance", "Error", "Traceback: secret path", "no reboot"
    )
    return f"/servers/{server_id}/os-instance-actions/{request_id}"


@pytest.mark.parametrize(
    ("token", "version", "keys"),
    [
        ("user:project", "2.50", None),
        ("user:project", "2.51", set()),
        ("user:project", "2.62", {"hostId"}),
        ("user:project", "2.96", {"hostId"}),
        (ADMIN, "2.50", {"traceback"}),
        (ADMIN, "2.62", {"traceback", "hostId", "host"}),
        (ADMIN, "2.84", {"traceback", "hostId", "host", "details"}),
    ],
)
def test_event_fields_by_role_and_version(cloud, failed, token, version, keys):
    shown = cloud.api.get(failed, token=token, version=version).json["instanceAction"]
    if keys is None:
        assert "events" not in shown
        return
    (event,) = shown["events"]
    assert event.keys() - {"event", "start_time", "finish_time", "result"} == keys
    assert (event["event"], event["result"]) == ("compute_reboot_instance", "Error")
    assert event.get("host", "host1") == "host1"


@pytest.mark.parametrize("version", ["2.51", "2.84", "2.96"])
def test_only_administrators_see_step_events(cloud, failed, version):
    """Step events contain names of functions and URLs of internal services."""
    server_id = failed.split("/")[2]
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None).isoformat()
    steps = ["LibvirtDriver.spawn", "request to neutron: GET /v2.0/ports", "choose_hosts"]
    action = cloud.action(server_id)
    db.actions.record_steps([action["id"]], "host1", [(name, now, now) for name in steps])
    shown = cloud.api.get(failed, version=version).json["instanceAction"]["events"]
    assert [event["event"] for event in shown] == ["compute_reboot_instance"]
    events = cloud.api.get(failed, token=ADMIN, version=version).json["instanceAction"]["events"]
    assert {event["event"] for event in events} > set(steps)


def test_unknown_action_is_404(cloud):
    server_id = cloud.boot()
    path = f"/servers/{server_id}/os-instance-actions/req-nothing"
    assert cloud.api.get(path).status_int == 404


def test_actions_of_another_projects_server_are_404(cloud, failed):
    listing = failed.rpartition("/")[0]
    for path in (failed, listing):
        assert cloud.api.get(path, token="user:other").status_int == 404
        assert cloud.api.get(path, token=ADMIN).status_int == 200


def test_history_of_deleted_server_since_2_21(cloud):
    server_id = cloud.boot()
    db.instance_deletion.destroy(server_id)
    path = f"/servers/{server_id}/os-instance-actions"
    assert cloud.api.get(path, version="2.20").status_int == 404
    assert len(history(cloud, server_id, version="2.21")) == 1


def test_pagination_of_actions(cloud):
    server_id = cloud.boot()
    cloud.act(server_id, "lock")
    cloud.act(server_id, "unlock")
    path = f"/servers/{server_id}/os-instance-actions"
    page = cloud.api.get(f"{path}?limit=2", version="2.58").json
    assert [each["action"] for each in page["instanceActions"]] == ["unlock", "lock"]
    rest = page["links"][0]["href"].removeprefix("http://localhost/v2.1")
    assert [e["action"] for e in cloud.api.get(rest, version="2.58").json["instanceActions"]] == [
        "create"
    ]
    assert cloud.api.get(f"{path}?marker=req-nothing", version="2.58").status_int == 400
    assert cloud.api.get(f"{path}?colour=red", version="2.58").status_int == 400


def test_filter_actions_by_time(cloud):
    server_id = cloud.boot()
    now = datetime.datetime.now(datetime.UTC)
    before = (now - datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    after = (now + datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    late = {"version": "2.66"}
    assert len(history(cloud, server_id, f"?changes-since={before}", **late)) == 1
    assert history(cloud, server_id, f"?changes-since={after}", **late) == []
    assert history(cloud, server_id, f"?changes-before={before}", **late) == []
    path = f"/servers/{server_id}/os-instance-actions"
    query = f"?changes-since={after}&changes-before={before}"
    assert cloud.api.get(path + query, **late).status_int == 400
    for wrong in ("changes-since=yesterday", "changes-since=9999-12-31T23:59:59-14:00"):
        assert cloud.api.get(f"{path}?{wrong}", **late).status_int == 400
