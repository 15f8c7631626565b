"""evacuate: bodies, policy, records and errors."""

from __future__ import annotations

import json

import pytest

from nova_mini import db
from tests.unit.api.openstack.compute.conftest import HOST, make_host
from tests.unit.conftest import ADMIN

OTHER_HOST = "host2"


@pytest.fixture
def server(cloud) -> str:
    make_host(OTHER_HOST)
    server_id = cloud.boot()
    change_service(forced_down=True)
    return server_id


def change_service(**columns) -> None:
    services = db.models.services
    db.query.update(services, columns, services.c.host == HOST)


def evacuate(cloud, server, body, version="2.94", token=ADMIN):
    return cloud.act(server, "evacuate", body, version=version, token=token)


def parameters(cloud, server) -> dict:
    return cloud.action(server)["args"]


def refused(cloud, server, status, body, **kwargs) -> str:
    """The message of a refusal; nothing was begun."""
    answer = evacuate(cloud, server, body, **kwargs)
    assert answer.status_int == status, answer.text
    assert cloud.row(server)["task_state"] is None
    assert cloud.bus.sent == []
    assert db.server_migrations.get_open(server) is None
    (error,) = answer.json.values()
    return error["message"]


@pytest.mark.parametrize("vm_state", ["active", "stopped", "error"])
def test_evacuate_begins_an_evacuation(cloud, server, vm_state):
    cloud.set(server, vm_state=vm_state)
    answer = evacuate(cloud, server, {})
    assert (answer.status_int, answer.body) == (200, b"")
    shown = cloud.api.get("/os-migrations", token=ADMIN, version="2.80").json["migrations"]
    (migration,) = shown
    assert (migration["migration_type"], migration["status"]) == ("evacuation", "accepted")
    assert (migration["source_compute"], migration["dest_compute"]) == (HOST, None)
    action = cloud.action(server)
    assert (action["action"], action["method"], action["host"]) == (
        "evacuate",
        "evacuate_server",
        None,
    )
    assert cloud.row(server)["task_state"] == "rebuilding"
    ((topic, _, method, arguments),) = cloud.bus.sent
    assert (topic, method, arguments) == (
        "conductor",
        "evacuate_server",
        {"action_ids": [action["id"]]},
    )


def test_it_ends_an_action_that_the_dead_host_cannot_finish(cloud, server):
    change_service(forced_down=False)
    assert cloud.act(server, "os-stop").status_int == 202
    stop = cloud.action(server)["id"]
    cloud.bus.sent.clear()
    change_service(forced_down=True)
    assert evacuate(cloud, server, {}).status_int == 200
    assert db.actions.get(stop)["message"] == "Error"


def test_a_server_that_is_deleted_is_not_evacuated(cloud, server):
    cloud.set(server, task_state="deleting")
    assert evacuate(cloud, server, {}).status_int == 409


@pytest.mark.parametrize("version", ["2.1", "2.13"])
def test_before_2_14_the_password_is_shown(cloud, server, version):
    body = {"onSharedStorage": False, "adminPass": "secret"}
    answer = evacuate(cloud, server, body, version=version)
    assert answer.json == {"adminPass": "secret"}
    assert parameters(cloud, server)["on_shared_storage"] is False


def test_on_shared_storage_there_is_no_password(cloud, server):
    answer = evacuate(cloud, server, {"onSharedStorage": "True"}, version="2.13")
    assert answer.json == {"adminPass": None}
    assert parameters(cloud, server) == {"on_shared_storage": True}


@pytest.mark.parametrize(
    ("version", "body", "force"),
    [
        ("2.13", {"onSharedStorage": False}, True),
        ("2.28", {}, True),
        ("2.29", {}, False),
        ("2.67", {"force": False}, False),
        ("2.67", {"force": True}, True),
        ("2.68", {}, False),
    ],
)
def test_which_versions_ask_the_filters_for_a_named_host(cloud, server, version, body, force):
    body = {**body, "host": OTHER_HOST}
    assert evacuate(cloud, server, body, version=version).status_int == 200
    stored = parameters(cloud, server)
    assert (stored["host"], stored.get("force", False)) == (OTHER_HOST, force)


@pytest.mark.parametrize(("version", "stops"), [("2.94", False), ("2.95", True)])
def test_from_2_95_on_the_server_is_stopped(cloud, server, version, stops):
    assert evacuate(cloud, server, {}, version=version).status_int == 200
    assert parameters(cloud, server).get("stop", False) is stops


@pytest.mark.parametrize(
    ("version", "body"),
    [
        ("2.13", {}),
        ("2.13", {"onSharedStorage": "maybe"}),
        ("2.13", {"onSharedStorage": True, "adminPass": "secret"}),
        ("2.14", {"onSharedStorage": True}),
        ("2.28", {"host": OTHER_HOST, "force": True}),
        ("2.29", {"force": True}),
        ("2.68", {"host": OTHER_HOST, "force": False}),
        ("2.68", {"host": "a/b"}),
        ("2.68", {"host": HOST}),
        ("2.68", None),
    ],
    ids=json.dumps,
)
def test_bad_requests(cloud, server, version, body):
    refused(cloud, server, 400, body, version=version)


def test_an_unknown_host_is_404(cloud, server):
    assert "nowhere could not be found" in refused(cloud, server, 404, {"host": "nowhere"})


def test_a_host_that_is_up_is_400(cloud, server):
    change_service(forced_down=False)
    message = refused(cloud, server, 400, {})
    assert message == f"Compute service of {HOST} is still in use."


@pytest.mark.parametrize("vm_state", ["paused", "suspended", "rescued", "resized", "shelved"])
def test_other_states_are_409(cloud, server, vm_state):
    cloud.set(server, vm_state=vm_state)
    assert vm_state in refused(cloud, server, 409, {})


def test_a_server_that_moves_is_409(cloud, server):
    assert evacuate(cloud, server, {}).status_int == 200
    assert evacuate(cloud, server, {}).status_int == 409
    assert len(db.server_migrations.get_page({})) == 1


def test_a_host_of_an_older_release_is_409(cloud, server):
    change_service(version=3)
    assert "must be upgraded" in refused(cloud, server, 409, {})


@pytest.mark.parametrize("token", ["user:project", "manager:project"])
def test_only_administrators(cloud, server, token):
    refused(cloud, server, 403, {}, token=token)
