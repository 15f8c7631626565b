import pytest

from tests.unit.conftest import ADMIN

PATH = "/os-server-external-events"
UNKNOWN = "7f0e4b0e-5f4c-4f0e-9c1c-0b8c5c3f7a11"
PORT = "3b1b3e0a-5a3c-4c63-9b3e-0f1f6a8a7c55"


def post(cloud, *events, version="2.1", token=ADMIN):
    return cloud.api.post(PATH, {"events": list(events)}, token=token, version=version)


def event(server_id, name="network-vif-plugged", **fields):
    return {"server_uuid": server_id, "name": name, "tag": PORT, **fields}


def test_events_are_sent_to_the_hosts_of_their_servers(cloud):
    one, two = cloud.boot(), cloud.boot()
    cloud.set(two, host="host2")
    events = [event(one), event(two, status="failed"), event(one, "network-changed")]
    response = post(cloud, *events)
    assert response.status_int == 200
    assert response.json["events"] == [
        {**event(one), "status": "completed", "code": 200},
        {**event(two), "status": "failed", "code": 200},
        {**event(one, "network-changed"), "status": "completed", "code": 200},
    ]
    sent = {server: kwargs["events"] for _topic, server, _method, kwargs in cloud.bus.sent}
    assert sent == {
        "host1": [{**events[0], "status": "completed"}, {**events[2], "status": "completed"}],
        "host2": [events[1]],
    }


def test_each_event_gets_its_own_code(cloud):
    good, unplaced = cloud.boot(), cloud.boot()
    cloud.set(unplaced, host=None)
    no_tag = {"server_uuid": good, "name": "network-vif-plugged"}
    response = post(cloud, event(good), event(UNKNOWN), event(unplaced), no_tag)
    assert response.status_int == 207
    assert [(e["code"], e["status"]) for e in response.json["events"]] == [
        (200, "completed"),
        (404, "failed"),
        (422, "failed"),
        (400, "failed"),
    ]
    assert len(cloud.bus.sent) == 1


@pytest.mark.parametrize(
    ("name", "since"),
    [
        ("volume-extended", 51),
        ("power-update", 76),
        ("accelerator-request-bound", 82),
        ("volume-reimaged", 93),
    ],
)
def test_event_names_by_version(cloud, name, since):
    server_id = cloud.boot()
    late, early = f"2.{since}", f"2.{since - 1}"
    assert post(cloud, event(server_id, name), version=early).status_int == 400
    assert post(cloud, event(server_id, name), version=late).status_int in (200, 207)


@pytest.mark.parametrize("name", ["power-update", "accelerator-request-bound"])
def test_events_that_no_host_handles_are_refused(cloud, name):
    response = post(cloud, event(cloud.boot(), name), version="2.93")
    assert response.status_int == 207
    assert [(e["code"], e["status"]) for e in response.json["events"]] == [(400, "failed")]
    assert cloud.bus.sent == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"server_uuid": "1"},
        {"name": "party"},
        {"status": "maybe"},
        {"more": 1},
        {"tag": "x" * 256},
        {"tag": None},
    ],
)
def test_invalid_events_are_refused(cloud, wrong):
    assert post(cloud, {**event(UNKNOWN), **wrong}).status_int == 400


def test_empty_list_of_events_is_refused(cloud):
    assert post(cloud).status_int == 400


def test_users_may_not_send_events(cloud):
    assert post(cloud, event(cloud.boot()), token="user:project").status_int == 403
