"""``/os-migrations`` and ``/servers/{id}/migrations``: JSON, filters, pages and policies."""

import datetime
import uuid

import pytest
import sqlalchemy as sa

from nova_mini import db
from nova_mini.api.openstack.compute.router import APIRouterV21
from nova_mini.api.openstack.request import CONTEXT_KEY, Request
from nova_mini.context import RequestContext
from nova_mini.db import session
from tests.unit.conftest import ADMIN
from tests.unit.db.records import add_migration

SERVER = "5f1f4a1a-0000-4000-8000-000000000001"
OTHER_SERVER = "5f1f4a1a-0000-4000-8000-000000000002"
UNKNOWN = "5f1f4a1a-0000-4000-8000-00000000dead"

HOSTS = {
    "source_compute": "h1",
    "source_node": "h1",
    "dest_compute": "h2",
    "dest_node": "h2",
    "dest_host": "192.0.2.2",
}
PROGRESS = {
    "memory_total": 2**33,
    "memory_processed": 2**32,
    "memory_remaining": 2**31,
    "disk_total": 0,
    "disk_processed": 0,
    "disk_remaining": 0,
}
MANAGER = ("manager", "member", "reader")


def list_of(api, query="", version="2.96", token=ADMIN):
    answer = api.get(f"/os-migrations{query}", version=version, token=token)
    assert answer.status_int == 200, answer.text
    return answer.json


def ids(api, query="", version="2.96"):
    return [each["id"] for each in list_of(api, query, version)["migrations"]]


@pytest.fixture
def ask(database):
    """``ask(path, roles)``: the response to a user with these roles in the project "project"."""
    router = APIRouterV21()

    def get(path, roles=MANAGER, version="2.96"):
        req = Request.blank(path, headers={"OpenStack-API-Version": f"compute {version}"})
        req.environ[CONTEXT_KEY] = RequestContext(
            user_id="user", project_id="project", roles=list(roles), overwrite=False
        )
        return router.respond(req)

    return get


# -- /os-migrations ------------------------------------------------------------------------------


def test_list_shows_a_migration(api):
    times = {
        "created_at": datetime.datetime(2026, 1, 31, 12, 0, 0, 250),
        "updated_at": datetime.datetime(2026, 1, 31, 12, 0, 1),
    }
    row = add_migration(SERVER, **times)
    assert list_of(api) == {
        "migrations": [
            {
                "id": row["id"],
                "uuid": row["uuid"],
                "instance_uuid": SERVER,
                "migration_type": "resize",
                "status": "finished",
                **HOSTS,
                "old_instance_type_id": 1,
                "new_instance_type_id": 2,
                "user_id": "u",
                "project_id": "p",
                "created_at": "2026-01-31T12:00:00.000250",
                "updated_at": "2026-01-31T12:00:01.000000",
            }
        ]
    }


@pytest.mark.parametrize(
    ("version", "added"),
    [
        ("2.1", set()),
        ("2.22", set()),
        ("2.23", {"migration_type"}),
        ("2.58", {"migration_type"}),
        ("2.59", {"migration_type", "uuid"}),
        ("2.79", {"migration_type", "uuid"}),
        ("2.80", {"migration_type", "uuid", "user_id", "project_id"}),
    ],
)
def test_fields_by_version(api, version, added):
    add_migration(SERVER, updated_at=None)
    (shown,) = list_of(api, version=version)["migrations"]
    always = {"id", "instance_uuid", "status", "old_instance_type_id", "new_instance_type_id"}
    assert shown.keys() == always | HOSTS.keys() | {"created_at", "updated_at"} | added
    assert shown["updated_at"] is None


@pytest.mark.parametrize("status", ["queued", "preparing", "running", "post-migrating"])
def test_links_of_a_live_migration_in_progress(api, status):
    row = add_migration(SERVER, migration_type="live-migration", status=status)
    (shown,) = list_of(api, version="2.23")["migrations"]
    path = f"servers/{SERVER}/migrations/{row['id']}"
    assert shown["links"] == [
        {"rel": "self", "href": f"http://localhost/v2.1/{path}"},
        {"rel": "bookmark", "href": f"http://localhost/{path}"},
    ]
    (shown,) = list_of(api, version="2.22")["migrations"]
    assert "links" not in shown


@pytest.mark.parametrize(
    ("kind", "status"),
    [("live-migration", "completed"), ("live-migration", "error"), ("resize", "post-migrating")],
)
def test_other_migrations_have_no_links(api, kind, status):
    add_migration(SERVER, migration_type=kind, status=status)
    assert "links" not in list_of(api)["migrations"][0]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [3, 2, 1]),
        ("host=h1", [2, 1]),
        ("host=h2", [3, 1]),
        ("host=h9", []),
        ("source_compute=h1", [1]),
        ("source_compute=h2", [3]),
        ("host=h2&source_compute=h1", [1]),
        (f"instance_uuid={SERVER}", [2, 1]),
        ("migration_type=migration", [2]),
        ("status=reverted", [3]),
        ("status=REVERTED", []),
        ("user_id=u2", [2]),
        ("project_id=p3", [3]),
        ("hidden=false", [3, 2, 1]),
        ("hidden=true", []),
        ("host=h9&host=h2", [3, 1]),
        (f"instance_uuid={SERVER}&host=h2", [1]),
    ],
)
def test_filters(api, query, found):
    add_migration(SERVER)
    add_migration(
        SERVER,
        source_compute="h3",
        dest_compute="h1",
        migration_type="migration",
        user_id="u2",
    )
    add_migration(
        OTHER_SERVER, source_compute="h2", dest_compute=None, status="reverted", project_id="p3"
    )
    assert ids(api, f"?{query}") == found


def test_order_by_version(api):
    for _ in range(3):
        add_migration(SERVER)
    assert ids(api, version="2.58") == [1, 2, 3]
    assert ids(api, version="2.59") == [3, 2, 1]


@pytest.mark.parametrize("query", ["limit=1", "changes-since=never", "changes-before=x", "a=b"])
def test_unknown_parameters_are_ignored_before_2_59(api, query):
    add_migration(SERVER)
    add_migration(SERVER)
    assert ids(api, f"?{query}", "2.58") == [1, 2]


# -- pages and times -----------------------------------------------------------------------------


def _path(links):
    ((rel, href),) = [(each["rel"], each["href"]) for each in links]
    assert rel == "next"
    return href.removeprefix("http://localhost/v2.1/os-migrations")


def test_pages_follow_their_links(api):
    rows = [add_migration(SERVER) for _ in range(5)]
    first = list_of(api, "?limit=2&host=h1", "2.59")
    assert [each["id"] for each in first["migrations"]] == [5, 4]
    path = _path(first["migrations_links"])
    assert path == f"?limit=2&host=h1&marker={rows[3]['uuid']}"
    second = list_of(api, path, "2.59")
    assert [each["id"] for each in second["migrations"]] == [3, 2]
    last = list_of(api, _path(second["migrations_links"]), "2.59")
    assert [each["id"] for each in last["migrations"]] == [1]
    assert "migrations_links" not in last


def test_limits_of_a_page(api, override):
    for _ in range(3):
        add_migration(SERVER)
    assert list_of(api, "?limit=0") == {"migrations": []}
    override("max_limit", 2, "api")
    for query in ("", "?limit=1000"):
        page = list_of(api, query)
        assert len(page["migrations"]) == 2
        assert "migrations_links" in page


@pytest.mark.parametrize("version", ["2.59", "2.66", "2.80"])
def test_unknown_marker_is_400(api, version):
    answer = api.get(f"/os-migrations?marker={UNKNOWN}", version=version, token=ADMIN)
    assert answer.status_int == 400
    assert UNKNOWN in answer.json["badRequest"]["message"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("changes-since=2026-03-01T00:00:00Z", [3, 2]),
        ("changes-since=2026-03-01T01:00:00%2B01:00", [3, 2]),
        ("changes-since=2026-03-01T00:00:01Z", [3]),
        ("changes-before=2026-03-01T00:00:00Z", [2, 1]),
        ("changes-since=2026-02-01T00:00:00Z&changes-before=2026-04-01T00:00:00Z", [2]),
        ("changes-since=2026-03-01T00:00:00Z&changes-before=2026-03-01T00:00:00Z", [2]),
    ],
)
def test_changes(api, query, found):
    """The time of the last change; that of the creation for one that was not changed yet."""
    march, may = datetime.datetime(2026, 3, 1), datetime.datetime(2026, 5, 1)
    add_migration(SERVER)
    add_migration(SERVER, updated_at=march)
    add_migration(SERVER, created_at=may, updated_at=None)
    assert ids(api, f"?{query}") == found


@pytest.mark.parametrize(
    ("query", "version"),
    [
        ("limit=-1", "2.59"),
        ("limit=x", "2.59"),
        ("limit=", "2.59"),
        ("limit=1&limit=2", "2.59"),
        (f"marker={UNKNOWN}&marker={UNKNOWN}", "2.59"),
        ("changes-since=yesterday", "2.59"),
        ("changes-before=2026-03-01T00:00:00Z", "2.65"),
        ("changes-before=yesterday", "2.66"),
        ("changes-since=2026-03-01T00:00:01Z&changes-before=2026-03-01T00:00:00Z", "2.66"),
        ("user_id=u", "2.79"),
        ("project_id=p", "2.79"),
        ("project_id=p&project_id=q", "2.80"),
        ("hidden=maybe", "2.1"),
        ("hidden=maybe", "2.80"),
        ("status=a%00b", "2.80"),
    ],
)
def test_bad_queries_are_400(api, query, version):
    answer = api.get(f"/os-migrations?{query}", version=version, token=ADMIN)
    assert answer.status_int == 400, answer.text


def _counted(api, path):
    statements = []

    def record(connection, cursor, statement, *_):
        statements.append(statement)

    engine = session.get_engine()
    sa.event.listen(engine, "before_cursor_execute", record)
    answer = api.get(path, version="2.96", token=ADMIN)
    sa.event.remove(engine, "before_cursor_execute", record)
    return len(answer.json["migrations"]), len(statements)


def test_a_page_is_one_query(api):
    for _ in range(3):
        add_migration(str(uuid.uuid4()))
    assert _counted(api, "/os-migrations") == (3, 1)
    for _ in range(50):
        add_migration(str(uuid.uuid4()))
    assert _counted(api, "/os-migrations") == (53, 1)


# -- who may list --------------------------------------------------------------------------------


@pytest.mark.parametrize("roles", [("reader",), ("member", "reader")])
def test_list_is_not_for_members(ask, roles):
    assert ask("/os-migrations?project_id=project", roles).status_int == 403


def test_manager_sees_the_own_project_without_hosts(ask):
    add_migration(SERVER, project_id="project")
    add_migration(SERVER, project_id="other")
    (shown,) = ask("/os-migrations?project_id=project").json["migrations"]
    assert shown["project_id"] == "project"
    assert {name: shown[name] for name in HOSTS} == dict.fromkeys(HOSTS)


@pytest.mark.parametrize("query", ["", "?project_id=", "?project_id=other", "?project_id=a%25"])
def test_manager_does_not_see_other_projects(ask, query):
    answer = ask(f"/os-migrations{query}")
    assert answer.status_int == 403
    assert "os-migrations:index:all_projects" in answer.text


def test_manager_filters_by_project_before_2_59(ask):
    add_migration(SERVER, project_id="project")
    add_migration(SERVER, project_id="other")
    answer = ask("/os-migrations?project_id=project", version="2.1")
    assert [each["id"] for each in answer.json["migrations"]] == [1]


def test_operator_shows_hosts_to_managers(ask, operators_file):
    operators_file('"os_compute_api:os-migrations:index:host": "role:manager"\n')
    add_migration(SERVER, project_id="project")
    (shown,) = ask("/os-migrations?project_id=project").json["migrations"]
    assert {name: shown[name] for name in HOSTS} == HOSTS


# -- /servers/{id}/migrations ----------------------------------------------------------------------


@pytest.fixture
def server(cloud) -> str:
    return cloud.boot()


def add_live(server_id, status="running"):
    return add_migration(server_id, migration_type="live-migration", status=status, **PROGRESS)


def test_the_list_has_no_migrations_of_deleted_servers(cloud, server):
    row = add_live(server, status="completed")

    def listed():
        answer = cloud.api.get("/os-migrations", token=ADMIN, version="2.59")
        return [each["uuid"] for each in answer.json["migrations"]]

    assert listed() == [row["uuid"]]
    db.instance_deletion.destroy(server)
    assert listed() == []


@pytest.mark.parametrize(
    ("version", "added"),
    [
        ("2.23", {}),
        ("2.59", {"uuid"}),
        ("2.80", {"uuid", "user_id", "project_id"}),
    ],
)
def test_live_migration_of_a_server(cloud, server, version, added):
    row = add_live(server)
    expected = {
        "id": row["id"],
        "server_uuid": server,
        "status": "running",
        **HOSTS,
        **{f"{name}_bytes": value for name, value in PROGRESS.items()},
        "created_at": "2026-01-01T00:00:00.000000",
        "updated_at": "2026-01-01T00:00:00.000000",
        **{name: row[name] for name in added},
    }
    path = f"/servers/{server}/migrations"
    listed = cloud.api.get(path, version=version, token=ADMIN)
    assert listed.json == {"migrations": [expected]}
    shown = cloud.api.get(f"{path}/{row['id']}", version=version, token=ADMIN)
    assert shown.json == {"migration": expected}


def test_only_live_migrations_in_progress_are_listed(cloud, server):
    found = [add_live(server, s)["id"] for s in ("queued", "preparing", "post-migrating")]
    for status in ("completed", "error", "cancelled", "failed"):
        add_live(server, status)
    add_migration(server, status="post-migrating")
    add_live(SERVER)
    answer = cloud.api.get(f"/servers/{server}/migrations", version="2.23", token=ADMIN)
    assert [each["id"] for each in answer.json["migrations"]] == found


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"migration_type": "resize", "status": "migrating"}, "is not live-migration."),
        ({"migration_type": "live-migration", "status": "completed"}, "is not in progress."),
    ],
)
def test_other_migrations_are_404(cloud, server, columns, message):
    row = add_migration(server, **columns)
    path = f"/servers/{server}/migrations/{row['id']}"
    answer = cloud.api.get(path, version="2.23", token=ADMIN)
    assert answer.status_int == 404
    assert answer.json["itemNotFound"]["message"].endswith(message)


@pytest.mark.parametrize("migration_id", ["2", "99", "-1", "x", UNKNOWN, "1e1", "99999999999"])
def test_unknown_migration_is_404(cloud, server, migration_id):
    add_live(server)
    add_live(SERVER)
    path = f"/servers/{server}/migrations/{migration_id}"
    answer = cloud.api.get(path, version="2.96", token=ADMIN)
    assert answer.status_int == 404
    assert "is not found for server" in answer.json["itemNotFound"]["message"]


def test_unknown_server_is_404(cloud, server):
    row = add_live(server)
    for path in (f"/servers/{UNKNOWN}/migrations", f"/servers/{UNKNOWN}/migrations/{row['id']}"):
        assert cloud.api.get(path, version="2.96", token=ADMIN).status_int == 404


def test_migrations_of_servers_exist_since_2_23(cloud, server):
    row = add_live(server)
    for path in (f"/servers/{server}/migrations", f"/servers/{server}/migrations/{row['id']}"):
        assert cloud.api.get(path, version="2.22", token=ADMIN).status_int == 404
        assert cloud.api.get(path, version="2.23", token=ADMIN).status_int == 200
        assert cloud.api.get(f"{path}?colour=red", version="2.96", token=ADMIN).status_int == 200


def test_who_sees_the_migrations_of_a_server(cloud, server, ask):
    row = add_live(server)
    path = f"/servers/{server}/migrations"
    assert ask(path, ("member", "reader")).status_int == 403
    (shown,) = ask(path).json["migrations"]
    assert {name: shown[name] for name in HOSTS} == dict.fromkeys(HOSTS)
    assert shown["memory_total_bytes"] == PROGRESS["memory_total"]
    assert ask(f"{path}/{row['id']}").status_int == 403
    foreign = cloud.boot(token="user:other")
    add_live(foreign)
    assert ask(f"/servers/{foreign}/migrations").status_int == 404
