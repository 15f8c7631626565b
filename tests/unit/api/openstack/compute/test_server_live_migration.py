"""os-migrateLive, and what users request of a live migration: bodies, policies, records, errors."""

import time
import types

import pytest

from nova_mini import db
from nova_mini.api.openstack.compute.router import APIRouterV21
from nova_mini.api.openstack.request import CONTEXT_KEY, Request
from nova_mini.compute.requests import live_migration_checks
from nova_mini.context import RequestContext
from nova_mini.db import models, query
from tests.unit.api.openstack.compute.conftest import HOST, make_host
from tests.unit.api.openstack.compute.test_server_actions import conflict
from tests.unit.conftest import ADMIN

OTHER_HOST = "host2"
AUTO = {"host": None, "block_migration": "auto"}


@pytest.fixture
def server(cloud) -> str:
    make_host(OTHER_HOST)
    return cloud.boot()


@pytest.fixture
def meanwhile(monkeypatch):
    """``meanwhile(change)``: ``change()`` is called instead of each wait for the checks. Without
    it, there is no wait."""
    monkeypatch.setattr(live_migration_checks, "_SECONDS", 0.0)

    def call(change) -> None:
        clock = types.SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: change())
        monkeypatch.setattr(live_migration_checks, "_SECONDS", 60.0)
        monkeypatch.setattr(live_migration_checks, "time", clock)

    return call


def migration_of(server_id):
    return db.server_migrations.get_open(server_id)


def migrate(cloud, server_id, body=AUTO, version="2.96", token=ADMIN):
    return cloud.act(server_id, "os-migrateLive", body, version=version, token=token)


@pytest.fixture
def moving(cloud, server):
    """``moving(status)``: a server whose live migration has this status, and the path of that."""

    def begin(status: str = "running") -> tuple[str, str]:
        assert migrate(cloud, server).status_int == 202
        migration = migration_of(server)
        db.server_migrations.update(migration["uuid"], {"status": status})
        cloud.bus.sent.clear()
        return server, f"/servers/{server}/migrations/{migration['id']}"

    return begin


@pytest.mark.parametrize(
    ("version", "body", "parameters"),
    [
        (
            "2.1",
            {"host": None, "block_migration": False, "disk_over_commit": "true"},
            {"block_migration": False, "disk_over_commit": True},
        ),
        (
            "2.1",
            {"host": OTHER_HOST, "block_migration": True, "disk_over_commit": False},
            {
                "block_migration": True,
                "disk_over_commit": False,
                "host": OTHER_HOST,
                "is_forced": True,
            },
        ),
        ("2.25", AUTO, {}),
        ("2.30", {**AUTO, "host": OTHER_HOST}, {"host": OTHER_HOST}),
        (
            "2.67",
            {**AUTO, "host": OTHER_HOST, "force": True},
            {"host": OTHER_HOST, "is_forced": True},
        ),
        ("2.68", {**AUTO, "block_migration": "False"}, {"block_migration": False}),
    ],
)
def test_a_live_migration_is_begun(cloud, server, meanwhile, version, body, parameters):
    answer = migrate(cloud, server, body, version)
    assert (answer.status_int, answer.body) == (202, b"")
    begun = cloud.action(server)
    assert (begun["action"], begun["method"]) == ("live-migration", "live_migrate_instance")
    assert begun["args"] == parameters
    migration = migration_of(server)
    assert (migration["migration_type"], migration["status"]) == ("live-migration", "accepted")
    assert (migration["source_compute"], migration["old_vm_state"]) == (HOST, "active")
    shown = cloud.api.get(f"/servers/{server}").json["server"]
    assert shown["status"] == "MIGRATING"


@pytest.mark.parametrize(
    ("version", "body"),
    [
        ("2.24", AUTO),
        ("2.24", {"host": None, "block_migration": False}),
        ("2.25", {**AUTO, "disk_over_commit": False}),
        ("2.29", {**AUTO, "force": False}),
        ("2.68", {**AUTO, "force": False}),
        ("2.96", {"host": None}),
        ("2.96", {"block_migration": "auto"}),
        ("2.96", {"host": None, "block_migration": None}),
        ("2.96", {"host": "", "block_migration": "auto"}),
        ("2.96", {"host": "nowhere", "block_migration": "auto"}),
        ("2.96", {"host": HOST, "block_migration": "auto"}),
        ("2.30", {**AUTO, "force": True}),
    ],
)
def test_bad_requests(cloud, server, version, body):
    answer = migrate(cloud, server, body, version)
    assert answer.status_int == 400, answer.text
    assert migration_of(server) is None
    assert cloud.row(server)["task_state"] is None


@pytest.mark.parametrize("columns", [{"vm_state": "stopped"}, {"task_state": "rebooting"}], ids=str)
def test_a_server_in_a_wrong_state_does_not_move(cloud, server, columns):
    cloud.set(server, **columns)
    message = conflict(cloud, server, "os-migrateLive", AUTO, token=ADMIN, version="2.96")
    assert "Cannot 'os-migrateLive'" in message


def test_a_source_that_is_down_or_of_an_older_release_gives_no_guest_away(cloud, server):
    services = models.services
    here = services.c.host == HOST
    query.update(services, {"version": 3}, here)
    assert migrate(cloud, server).status_int == 409
    query.update(services, {"version": 4, "forced_down": True}, here)
    answer = migrate(cloud, server)
    assert answer.status_int == 400
    assert HOST not in answer.text


def test_users_do_not_migrate_and_managers_choose_no_host(cloud, server):
    router = APIRouterV21()

    def ask(roles, body) -> int:
        headers = {"OpenStack-API-Version": "compute 2.96"}
        req = Request.blank(f"/servers/{server}/action", headers=headers, method="POST")
        req.json = {"os-migrateLive": body}
        req.environ[CONTEXT_KEY] = RequestContext(
            user_id="user", project_id="project", roles=list(roles), overwrite=False
        )
        return router.respond(req).status_int

    manager = ("manager", "member", "reader")
    assert ask(("member", "reader"), AUTO) == 403
    assert ask(manager, {**AUTO, "host": OTHER_HOST}) == 403
    assert ask(manager, AUTO) == 202


# -- abort and force_complete --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "version", "expected"),
    [
        ("running", "2.24", 202),
        ("queued", "2.64", 400),
        ("queued", "2.65", 202),
        ("preparing", "2.65", 202),
        ("accepted", "2.96", 400),
        ("post-migrating", "2.96", 400),
        ("running", "2.23", 404),
    ],
)
def test_abort(cloud, moving, status, version, expected):
    server, path = moving(status)
    answer = cloud.api.delete(path, version=version, token=ADMIN)
    assert answer.status_int == expected, answer.text
    requested = migration_of(server)["requested"]
    if expected != 202:
        assert requested is None and cloud.bus.sent == []
        return
    assert requested == "abort"
    assert cloud.action(server)["action"] == "live_migration_cancel"
    ((topic, host, method, arguments),) = cloud.bus.sent
    assert (topic, host, method) == ("compute", HOST, "live_migration_requested")
    assert arguments == {"instance_uuid": server}


@pytest.mark.parametrize(("status", "expected"), [("running", 202), ("queued", 400)])
def test_force_complete(cloud, moving, status, expected):
    server, path = moving(status)
    answer = cloud.api.post(f"{path}/action", {"force_complete": None}, version="2.22", token=ADMIN)
    assert answer.status_int == expected, answer.text
    requested = migration_of(server)["requested"]
    assert requested == ("force_complete" if expected == 202 else None)


def test_an_abort_is_not_replaced_by_a_completion(cloud, moving):
    server, path = moving()
    assert cloud.api.delete(path, version="2.96", token=ADMIN).status_int == 202
    body = {"force_complete": None}
    answer = cloud.api.post(f"{path}/action", body, version="2.96", token=ADMIN)
    assert answer.status_int == 202
    assert migration_of(server)["requested"] == "abort"


@pytest.mark.parametrize("body", [{}, {"force_complete": {}}, {"force_complete": None, "x": 1}])
def test_bad_bodies_of_force_complete(cloud, moving, body):
    _, path = moving()
    answer = cloud.api.post(f"{path}/action", body, version="2.96", token=ADMIN)
    assert answer.status_int == 400


def test_requests_of_unknown_migrations(cloud, moving):
    server, path = moving()
    base = path.rpartition("/")[0]
    for number in ("0", "999", "x", "9" * 30, "1e3"):
        answer = cloud.api.delete(f"{base}/{number}", version="2.96", token=ADMIN)
        assert answer.status_int == 404, number
    db.actions.supersede(server)
    cloud.set(server, task_state=None)
    assert cloud.api.delete(path, version="2.96", token=ADMIN).status_int == 409


def test_a_user_may_not_abort(cloud, moving):
    _, path = moving()
    assert cloud.api.delete(path, version="2.96").status_int == 403


OLD = {"host": None, "block_migration": True, "disk_over_commit": False}


@pytest.mark.parametrize(("version", "body"), [("2.1", OLD), ("2.33", AUTO)])
def test_old_clients_wait_for_the_checks(cloud, server, meanwhile, version, body):
    """Those of the source, and then those of the destination."""
    statuses = ["accepted", "preparing", "queued"]

    def go_on() -> None:
        db.server_migrations.update(migration_of(server)["uuid"], {"status": statuses.pop(0)})

    meanwhile(go_on)
    assert migrate(cloud, server, body, version).status_int == 202
    assert statuses == []


def test_old_clients_get_the_reason_of_a_refusal(cloud, server, meanwhile):
    def refuse() -> None:
        uuid = migration_of(server)["uuid"]
        fault = {"instance_uuid": server, "code": 400, "message": "Migration pre-check error: no."}
        db.instance_faults.add_fault(fault)
        db.server_migrations.update(uuid, {"status": "error"})

    meanwhile(refuse)
    answer = migrate(cloud, server, OLD, "2.1")
    assert answer.status_int == 400
    assert answer.json["badRequest"]["message"] == "Migration pre-check error: no."


def test_later_clients_do_not_wait(cloud, server, meanwhile):
    meanwhile(lambda: pytest.fail("it has waited"))
    assert migrate(cloud, server, AUTO, "2.34").status_int == 202
