"""resize, confirmResize, revertResize and migrate: bodies, policies, records and errors."""

import json

import pytest

from nova_mini import db
from nova_mini.api.openstack.compute.router import APIRouterV21
from nova_mini.api.openstack.request import CONTEXT_KEY, Request
from nova_mini.context import RequestContext
from tests.unit.api.openstack.compute.conftest import HOST, make_flavor, make_host
from tests.unit.api.openstack.compute.test_server_actions import conflict
from tests.unit.conftest import ADMIN

OTHER_HOST = "host2"
LARGER = "2"


@pytest.fixture
def server(cloud) -> str:
    make_host(OTHER_HOST)
    make_flavor(LARGER, vcpus=2, memory_mb=256, root_gb=2)
    return cloud.boot()


@pytest.fixture
def resized(cloud, server) -> str:
    """A server that waits on another host for the confirmation of its resize."""
    assert cloud.act(server, "resize", {"flavorRef": LARGER}).status_int == 202
    db.actions.finish(cloud.action(server)["id"], None)
    cloud.set(server, vm_state="resized", task_state=None, host=OTHER_HOST, node=OTHER_HOST)
    arrived = {"status": "finished", "dest_compute": OTHER_HOST, "dest_node": OTHER_HOST}
    db.server_migrations.update(migration_of(server)["uuid"], arrived)
    cloud.bus.sent.clear()
    return server


def migration_of(server_id):
    return db.server_migrations.get_open(server_id)


def migrations(cloud, query=""):
    return cloud.api.get(f"/os-migrations{query}", token=ADMIN, version="2.80").json["migrations"]


def bad(cloud, server_id, action, args, **kwargs) -> str:
    """The message of a request that is refused with 400; nothing was begun."""
    answer = cloud.act(server_id, action, args, **kwargs)
    assert answer.status_int == 400, answer.text
    assert cloud.row(server_id)["task_state"] is None
    assert cloud.bus.sent == []
    assert migration_of(server_id) is None
    return answer.json["badRequest"]["message"]


# -- resize --------------------------------------------------------------------------------------


@pytest.mark.parametrize("flavor_ref", ["2", 2])
@pytest.mark.parametrize("vm_state", ["active", "stopped"])
def test_resize_begins_a_migration(cloud, server, vm_state, flavor_ref):
    cloud.set(server, vm_state=vm_state)
    answer = cloud.act(server, "resize", {"flavorRef": flavor_ref}, version="2.1")
    assert (answer.status_int, answer.body) == (202, b"")
    assert cloud.action(server)["action"] == "resize"
    shown = cloud.api.get(f"/servers/{server}", version="2.96").json["server"]
    assert (shown["status"], shown["OS-EXT-STS:task_state"]) == ("RESIZE", "resize_prep")
    assert shown["flavor"]["original_name"] == "flavor 1"
    (migration,) = migrations(cloud)
    assert (migration["instance_uuid"], migration["migration_type"]) == (server, "resize")
    assert (migration["source_compute"], migration["dest_compute"]) == (HOST, None)
    assert (migration["user_id"], migration["project_id"]) == ("user", "project")
    assert migration["new_instance_type_id"] == migration["old_instance_type_id"] + 1
    ((topic, _, _, arguments),) = cloud.bus.sent
    assert topic == "conductor"
    assert arguments == {"action_ids": [cloud.action(server)["id"]]}


@pytest.mark.parametrize(
    ("given", "stored"), [(None, False), ("AUTO", True), ("MANUAL", False)], ids=str
)
def test_disk_config_of_a_resize(cloud, server, given, stored):
    cloud.set(server, auto_disk_config=given == "MANUAL")
    body = {"flavorRef": LARGER, **({"OS-DCF:diskConfig": given} if given else {})}
    assert cloud.act(server, "resize", body).status_int == 202
    assert cloud.row(server)["auto_disk_config"] == stored


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        "2",
        {"flavorRef": None},
        {"flavorRef": ""},
        {"flavorRef": "x" * 256},
        {"flavorRef": {"id": "2"}},
        {"flavorRef": "2", "OS-DCF:diskConfig": "auto"},
        {"flavorRef": "2", "OS-DCF:diskConfig": None},
        {"flavorRef": "2", "host": OTHER_HOST},
    ],
    ids=str,
)
def test_invalid_resize_is_400(cloud, server, body):
    bad(cloud, server, "resize", body, token=ADMIN)


def test_resize_to_an_unknown_flavor_is_400(cloud, server):
    assert "Flavor nothing could not be found" in bad(
        cloud, server, "resize", {"flavorRef": "nothing"}
    )


def test_resize_to_the_same_flavor_is_400(cloud, server):
    message = "When resizing, instances must change flavor!"
    assert bad(cloud, server, "resize", {"flavorRef": "1"}) == message


def test_resize_above_the_quota_is_403(cloud, server):
    make_flavor("huge", vcpus=1000, root_gb=2)
    answer = cloud.act(server, "resize", {"flavorRef": "huge"})
    assert answer.status_int == 403
    assert "cores" in answer.json["forbidden"]["message"]
    assert migrations(cloud) == []
    assert cloud.row(server)["task_state"] is None


@pytest.mark.parametrize(("action", "body"), [("resize", {"flavorRef": LARGER}), ("migrate", None)])
@pytest.mark.parametrize("columns", [{"vm_state": "paused"}, {"task_state": "rebooting"}], ids=str)
def test_move_in_a_wrong_state_is_409(cloud, server, action, body, columns):
    cloud.set(server, **columns)
    ((attribute, value),) = columns.items()
    message = f"Cannot '{action}' instance {server} while it is in {attribute} {value}"
    assert conflict(cloud, server, action, body, token=ADMIN) == message


def test_resize_of_a_locked_server_is_409(cloud, server):
    cloud.set(server, locked=True)
    assert "is locked" in conflict(cloud, server, "resize", {"flavorRef": LARGER})


# -- confirmResize and revertResize --------------------------------------------------------------


def test_confirm_is_sent_to_the_source(cloud, resized):
    answer = cloud.act(resized, "confirmResize", version="2.1")
    assert (answer.status_int, answer.body) == (204, b"")
    begun = cloud.action(resized)
    assert (begun["action"], begun["host"]) == ("confirmResize", HOST)
    assert cloud.row(resized)["task_state"] == "resize_confirming"
    assert migration_of(resized)["status"] == "confirming"
    shown = cloud.api.get(f"/servers/{resized}", version="2.96").json["server"]
    assert shown["status"] == "VERIFY_RESIZE"


def test_revert_is_sent_to_the_destination(cloud, resized):
    answer = cloud.act(resized, "revertResize", version="2.1")
    assert (answer.status_int, answer.body) == (202, b"")
    begun = cloud.action(resized)
    assert (begun["action"], begun["host"]) == ("revertResize", OTHER_HOST)
    assert cloud.row(resized)["task_state"] == "resize_reverting"
    assert migration_of(resized)["status"] == "reverting"
    shown = cloud.api.get(f"/servers/{resized}", version="2.96").json["server"]
    assert shown["status"] == "REVERT_RESIZE"


@pytest.mark.parametrize("action", ["confirmResize", "revertResize"])
def test_end_of_a_resize_in_a_wrong_state_is_409(cloud, server, action):
    message = f"Cannot '{action}' instance {server} while it is in vm_state active"
    assert conflict(cloud, server, action) == message


@pytest.mark.parametrize("action", ["confirmResize", "revertResize"])
def test_end_of_a_resize_without_migration_is_400(cloud, server, action):
    cloud.set(server, vm_state="resized")
    assert bad(cloud, server, action, None) == f"Instance {server} has not been resized."


# -- migrate -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "body", "host"),
    [
        ("2.1", None, None),
        ("2.55", {"host": OTHER_HOST}, None),  # ignored before 2.56
        ("2.56", None, None),
        ("2.56", {}, None),
        ("2.56", {"host": None}, None),
        ("2.56", {"host": OTHER_HOST}, OTHER_HOST),
    ],
    ids=str,
)
def test_migrate_begins_a_migration(cloud, server, version, body, host):
    answer = cloud.act(server, "migrate", body, version=version, token=ADMIN)
    assert (answer.status_int, answer.body) == (202, b"")
    begun = cloud.action(server)
    assert (begun["action"], begun["args"].get("host")) == ("migrate", host)
    (migration,) = migrations(cloud, "?migration_type=migration")
    assert migration["new_instance_type_id"] == migration["old_instance_type_id"]
    assert (migration["user_id"], migration["project_id"]) == ("admin", "admin")


@pytest.mark.parametrize(
    "body",
    [
        "",
        OTHER_HOST,
        [],
        {"host": ""},
        {"host": 1},
        {"host": "a/../b"},
        {"host": OTHER_HOST, "force": True},
        {"host": "nowhere"},
        {"host": HOST},
    ],
    ids=str,
)
def test_invalid_migrate_is_400(cloud, server, body):
    bad(cloud, server, "migrate", body, version="2.56", token=ADMIN)


# -- who may -------------------------------------------------------------------------------------


@pytest.fixture
def act(cloud):
    """``act(server_id, action, args, roles)``: the response to a user of the project "project"."""
    router = APIRouterV21()

    def post(server_id, action, args, roles):
        path = f"/servers/{server_id}/action"
        headers = {"OpenStack-API-Version": "compute 2.96", "Content-Type": "application/json"}
        req = Request.blank(path, method="POST", headers=headers)
        req.body = json.dumps({action: args}).encode()
        req.environ[CONTEXT_KEY] = RequestContext(
            user_id="user", project_id="project", roles=list(roles), overwrite=False
        )
        return router.respond(req)

    return post


_MEMBER = ("member", "reader")
_MANAGER = ("manager", "member", "reader")


@pytest.mark.parametrize(
    ("args", "roles", "refused_by"),
    [
        (None, _MEMBER, "os-migrate-server:migrate"),
        (None, _MANAGER, None),
        ({"host": None}, _MANAGER, None),
        ({"host": OTHER_HOST}, _MANAGER, "os-migrate-server:migrate:host"),
    ],
    ids=str,
)
def test_who_may_migrate(act, server, args, roles, refused_by):
    answer = act(server, "migrate", args, roles)
    if refused_by is None:
        assert answer.status_int == 202
        return
    assert answer.status_int == 403
    assert f"os_compute_api:{refused_by} " in answer.json["forbidden"]["message"]


def test_operator_lets_managers_choose_the_host(act, server, operators_file):
    """The rule of a chosen host stands alone: it does not need the one of any host."""
    operators_file('"os_compute_api:os-migrate-server:migrate:host": "role:reader"\n')
    assert act(server, "migrate", {"host": OTHER_HOST}, ["reader"]).status_int == 202


def test_members_resize_and_end_it(act, cloud, resized):
    assert act(resized, "confirmResize", None, ["reader"]).status_int == 403
    assert act(resized, "revertResize", None, ["reader"]).status_int == 403
    assert act(resized, "confirmResize", None, _MEMBER).status_int == 204
