"""GET /servers and /servers/detail: filters, sorting, pagination."""

import datetime
import re
import time
from urllib.parse import urlencode, urlsplit

import pytest
import sqlalchemy as sa

from nova_mini import db
from nova_mini.conf import CONF
from tests.unit.api.openstack.compute.conftest import OTHER_IMAGE, make_flavor
from tests.unit.api.openstack.compute.test_server_show import NETWORK_INFO
from tests.unit.api.schema_strategies import EXPLOSIVE, EXPRESSION_TEXTS, EXPRESSIONS
from tests.unit.conftest import ADMIN


def names(cloud, query="", *, path="/servers", version="2.96", token="user:project") -> list[str]:
    response = cloud.api.get(f"{path}?{query}", version=version, token=token)
    assert response.status_int == 200, response.text
    return [server["name"] for server in response.json["servers"]]


def status_of(cloud, query, **kwargs) -> int:
    return cloud.api.get(f"/servers?{query}", **{"version": "2.96", **kwargs}).status_int


@pytest.fixture
def abc(cloud):
    """Servers a, b, c of one project, in this order, and one server of another project."""
    ids = {name: cloud.boot(name=name) for name in "abc"}
    ids["other"] = cloud.boot(name="other", token="u:other")
    start = datetime.datetime(2026, 1, 1)
    for minutes, server_id in enumerate(ids.values()):
        when = start + datetime.timedelta(minutes=minutes)
        cloud.set(server_id, created_at=when, updated_at=when, launched_at=when)
    return ids


# -- filters -------------------------------------------------------------------------------------


def test_list_has_own_project_newest_first(cloud, abc):
    assert names(cloud) == ["c", "b", "a"]
    assert names(cloud, path="/servers/detail") == ["c", "b", "a"]


def test_brief_and_detailed_list(cloud, abc):
    (brief, *_) = cloud.api.get("/servers").json["servers"]
    assert set(brief) == {"id", "name", "links"}
    (detailed, *_) = cloud.api.get("/servers/detail", version="2.96").json["servers"]
    shown = cloud.api.get(f"/servers/{abc['c']}", version="2.96").json["server"]
    assert shown.pop("server_groups") == []
    assert detailed == shown


def test_filters_for_every_user(cloud, abc):
    make_flavor("2")
    cloud.set(abc["a"], vm_state="stopped", locked=True)
    cloud.set(abc["b"], task_state="rebooting")
    cloud.set(abc["c"], image_ref=OTHER_IMAGE, instance_type_id=2, reservation_id="r-1")
    assert names(cloud, "name=^[ab]$") == ["b", "a"]
    assert names(cloud, "status=SHUTOFF") == ["a"]
    assert names(cloud, "status=shutoff&status=REBOOT") == ["b", "a"]
    assert names(cloud, "status=ACTIVE") == ["c", "b"]
    cloud.set(abc["b"], task_state="resize_finish")
    assert names(cloud, "status=RESIZE") == ["b"]
    assert names(cloud, "status=VERIFY_RESIZE") == []
    assert names(cloud, "status=NONSENSE", version="2.37") == []
    assert status_of(cloud, "status=NONSENSE", version="2.38") == 400
    assert names(cloud, "status=NONSENSE&status=SHUTOFF") == ["a"]
    assert names(cloud, f"image={OTHER_IMAGE}") == ["c"]
    assert names(cloud, "flavor=2") == ["c"]
    assert names(cloud, "flavor=none") == []
    assert names(cloud, "reservation_id=r-1") == ["c"]
    assert names(cloud, "locked=true") == ["a"]
    assert names(cloud, "locked=false") == ["c", "b"]


def test_address_filters_across_batches(cloud, abc, monkeypatch):
    monkeypatch.setattr("nova_mini.objects.instance_list._BATCH", 1)
    cloud.set(abc["b"], network_info=NETWORK_INFO.to_json())
    cloud.set(abc["c"], network_info=NETWORK_INFO.to_json().replace("10.0.0.5", "10.0.1.7"))
    assert names(cloud, "ip=10.0.0.5") == ["b"]
    assert names(cloud, r"ip=^10\.0\.") == ["c", "b"]
    assert names(cloud, r"ip=^10\.0\.&limit=1") == ["c"]
    assert names(cloud, "ip=192.0.2.9") == ["c", "b"]
    assert names(cloud, "ip=16:3e") == []
    assert names(cloud, "ip6=fd00&ip=1.7$") == ["c"]


@pytest.mark.parametrize(("expression", "found"), EXPRESSIONS)
def test_regular_expression_filter_with_and_without_like(cloud, expression, found):
    for number, text in enumerate(EXPRESSION_TEXTS, start=1):
        cloud.set(cloud.boot(name=str(number)), hostname=text, display_description=text)
    for name in ("hostname", "description"):
        query = urlencode({name: expression, "all_tenants": 1})
        assert "".join(names(cloud, query, token=ADMIN)) == found


@pytest.mark.parametrize("expression", EXPLOSIVE)
def test_regular_expression_filter_is_fast(cloud, expression):
    """Python's ``re`` and MariaDB's engine would need minutes or fail for each expression."""
    server_id = cloud.boot(name="a" * 60 + "!")
    info = NETWORK_INFO.to_json().replace("10.0.0.5", "a" * 60 + "!")
    cloud.set(server_id, network_info=info)
    start = time.monotonic()
    for name in ("name", "ip", "ip6"):
        assert names(cloud, urlencode({name: expression})) in ([], ["a" * 60 + "!"])
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("name", ["name", "hostname", "description", "ip", "ip6"])
@pytest.mark.parametrize("expression", ["(x", "[", r"(a)\1", "(?=a)", "a{1001}", "*", ""])
def test_invalid_regular_expression_is_refused(cloud, name, expression):
    assert status_of(cloud, urlencode({name: expression})) == 400


def test_filter_by_metadata(cloud, abc):
    cloud.set(abc["a"], metadata={"role": "web", "Tier": "ä"})
    cloud.set(abc["b"], metadata={"role": "webs"})

    def found(text: str, version="2.96") -> list[str]:
        return names(cloud, urlencode({"metadata": text}), version=version)

    assert found('{"role": "web"}') == found('{"role": "web"}', "2.1") == ["a"]
    assert found('[{"role": "web"}, {"Tier": "ä"}]') == ["a"]
    assert found('{"role": "web", "tier": "ä"}') == []
    assert found('[{"role": "web"}, {"role": "webs"}]') == []
    for text in ("role", "{}", "[]", '{"role": 1}', "null"):
        assert status_of(cloud, urlencode({"metadata": text})) == 400


def test_unsupported_filters(cloud, abc):
    for name in (
        "block_device_mapping",
        "info_cache",
        "pci_devices",
        "security_groups",
        "services",
        "system_metadata",
    ):
        for version in ("2.1", "2.75"):
            assert names(cloud, f"{name}=x", version=version) == ["c", "b", "a"]
            response = cloud.api.get(f"/servers?{name}=x", version=version, token=ADMIN)
            assert response.status_int == 400
            assert f"Invalid filter field: {name}." in response.json["badRequest"]["message"]
    cloud.set(abc["a"], image_ref=OTHER_IMAGE)
    assert names(cloud, f"image_ref={OTHER_IMAGE}&all_tenants=1", token=ADMIN) == ["a"]
    assert names(cloud, f"image_ref={OTHER_IMAGE}") == ["c", "b", "a"]


def test_filter_by_the_times_that_a_server_shows(cloud, abc):
    cloud.set(abc["b"], updated_at=datetime.datetime(2026, 1, 1, 0, 1, 0, 999999))
    shown = cloud.api.get(f"/servers/{abc['b']}").json["server"]["updated"]
    assert shown == "2026-01-01T00:01:00Z"
    assert names(cloud, f"changes-since={shown}&changes-before={shown}") == ["b"]
    assert names(cloud, f"changes-before={shown}") == ["b", "a"]


def test_changes_before_also_finds_deleted_servers(cloud, abc):
    db.instance_deletion.destroy(abc["c"])
    cloud.set(abc["c"], updated_at=datetime.datetime(2026, 1, 1))
    assert names(cloud, "changes-before=2026-01-01T00:00:00Z") == ["c", "a"]


def test_filter_by_tags(cloud, abc):
    db.instance_tags.set_tags(abc["a"], ["x", "y"])
    db.instance_tags.set_tags(abc["b"], ["y", "z"])
    assert names(cloud, "tags=x,y") == ["a"]
    assert names(cloud, "tags-any=x,z") == ["b", "a"]
    assert names(cloud, "not-tags=x,y") == ["c", "b"]
    assert names(cloud, "not-tags-any=x,z") == ["c"]
    assert names(cloud, "tags=x", version="2.25") == ["c", "b", "a"]


def test_filter_by_times(cloud, abc):
    assert names(cloud, "changes-since=2026-01-01T00:01:00Z") == ["c", "b"]
    assert names(cloud, "changes-since=2026-01-01T02:01:00%2B02:00") == ["c", "b"]
    assert names(cloud, "changes-before=2026-01-01T00:01:00Z") == ["b", "a"]
    assert names(cloud, "created_at=2026-01-01T00:01:00Z") == ["b"]
    late, early = "2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"
    assert status_of(cloud, f"changes-since={late}&changes-before={early}") == 400
    assert status_of(cloud, "changes-since=yesterday") == 400


def test_changes_since_also_finds_deleted_servers(cloud, abc):
    db.instance_deletion.destroy(abc["c"])
    assert names(cloud) == ["b", "a"]
    assert names(cloud, "changes-since=2026-01-01T00:01:00Z") == ["c", "b"]
    server = cloud.api.get("/servers/detail?changes-since=2026-01-01T00:02:00Z").json["servers"][0]
    assert server["status"] == "DELETED"


def test_only_administrators_list_deleted_servers(cloud, abc):
    db.instance_deletion.destroy(abc["c"])
    assert status_of(cloud, "status=DELETED") == 403
    assert names(cloud, "deleted=true") == ["b", "a"]
    assert names(cloud, "deleted=true&all_tenants=1", token=ADMIN) == ["c"]
    assert names(cloud, "status=deleted&all_tenants=1", token=ADMIN) == ["c"]


def test_all_tenants_lists_other_projects(cloud, abc):
    assert status_of(cloud, "all_tenants=1") == 403
    assert names(cloud, "all_tenants=0") == ["c", "b", "a"]
    assert names(cloud, token=ADMIN) == []
    assert names(cloud, "all_tenants", token=ADMIN) == ["other", "c", "b", "a"]
    for name in ("project_id", "tenant_id"):
        assert names(cloud, f"{name}=other&all_tenants=1", token=ADMIN) == ["other"]
        assert names(cloud, f"{name}=other", token=ADMIN) == []  # the admin's own, as in Nova
        assert names(cloud, f"{name}=other") == ["c", "b", "a"]
    assert names(cloud, "project_id=other&all_tenants=0", token=ADMIN) == []
    assert status_of(cloud, "all_tenants=maybe", token=ADMIN) == 400


def test_extra_filters_stay_inside_the_project(cloud, abc):
    CONF.set_override("instance_list_extra_filters", ["project_id", "uuid"], group="api")
    try:
        assert names(cloud, "project_id=other") == ["c", "b", "a"]
        assert names(cloud, "project_id=other&all_tenants=0") == ["c", "b", "a"]
        assert names(cloud, f"uuid={abc['other']}") == []
        assert names(cloud, f"uuid={abc['b']}") == ["b"]
    finally:
        CONF.clear_override("instance_list_extra_filters", group="api")


def test_admin_filters_are_ignored_for_other_users(cloud, abc):
    cloud.set(abc["a"], host="elsewhere")
    assert names(cloud, "host=elsewhere") == ["c", "b", "a"]
    assert names(cloud, "host=elsewhere&all_tenants=1", token=ADMIN) == ["a"]
    assert names(cloud, f"uuid={abc['b']}&all_tenants=1", token=ADMIN) == ["b"]


def test_more_filters_for_every_user_since_2_83(cloud, abc):
    cloud.set(abc["a"], key_name="k", config_drive="True", power_state=4)
    for query in ("key_name=k", "config_drive=true", "power_state=4"):
        assert names(cloud, query) == ["a"], query
        assert names(cloud, query, version="2.82") == ["c", "b", "a"], query
    assert names(cloud, "config_drive=false") == ["c", "b"]
    assert names(cloud, "user_id=unknown") == []


def test_invalid_queries_are_refused(cloud, abc):
    for query in (
        "limit=-1",
        "limit=x",
        "marker=nothere",
        "sort_key=nonsense",
        "sort_dir=up",
        "name=%5B",
        "locked=maybe",
        "power_state=x",
        "power_state=99999999999",
        "nonsense=1",
    ):
        assert status_of(cloud, query) == 400, query
    assert status_of(cloud, "nonsense=1", version="2.74") == 200


# -- order and pages -----------------------------------------------------------------------------


def test_sort_keys_and_directions(cloud, abc):
    assert names(cloud, "sort_key=display_name&sort_dir=asc") == ["a", "b", "c"]
    cloud.set(abc["c"], display_name="a")
    ordered = "sort_key=display_name&sort_dir=asc&sort_key=created_at&sort_dir=asc"
    response = cloud.api.get(f"/servers?{ordered}").json["servers"]
    assert [server["id"] for server in response] == [abc["a"], abc["c"], abc["b"]]
    assert status_of(cloud, "sort_key=host") == 403
    assert status_of(cloud, "sort_key=host", token=ADMIN) == 200
    assert status_of(cloud, "sort_key=uuid&sort_dir=asc&sort_dir=asc") == 400


@pytest.mark.parametrize("path", ["/servers", "/servers/detail"])
@pytest.mark.parametrize(
    "order",
    [
        "",
        "&sort_key=key_name&sort_dir=asc",
        "&sort_key=key_name&sort_dir=desc",
        "&sort_key=task_state&sort_key=display_name&sort_dir=desc&sort_dir=asc",
    ],
)
def test_pages_contain_every_server_once(cloud, abc, path, order):
    """Pages of one server contain the same servers as one long page, also with NULLs."""
    cloud.boot(name="d")
    cloud.set(abc["a"], key_name="k", task_state="deleting")
    cloud.set(abc["c"], key_name="j")
    whole = names(cloud, order, path=path)
    assert sorted(whole) == ["a", "b", "c", "d"]
    found, url = [], f"{path}?limit=1{order}"
    while url:
        response = cloud.api.get(url).json
        found += [server["name"] for server in response["servers"]]
        links = response.get("servers_links")
        parts = urlsplit(links[0]["href"]) if links else None
        url = f"{parts.path.removeprefix('/v2.1')}?{parts.query}" if parts else None
    assert found == whole


def test_limit_of_a_page(cloud, abc):
    assert names(cloud, "limit=0") == []
    assert names(cloud, "limit=2") == ["c", "b"]
    assert "servers_links" not in cloud.api.get("/servers?limit=5").json


def test_marker_may_be_deleted_but_not_of_another_project(cloud, abc):
    db.instance_deletion.destroy(abc["b"])
    assert names(cloud, f"marker={abc['b']}") == ["a"]
    assert status_of(cloud, f"marker={abc['other']}") == 400


def test_number_of_queries_is_independent_of_page_size(cloud, abc):
    cloud.set(abc["a"], vm_state="error")
    statements = []
    engine = db.session.get_engine()

    @sa.event.listens_for(engine, "before_cursor_execute")
    def note(connection, cursor, statement, parameters, context, many):
        statements.append(re.sub(r"\s+", " ", statement))

    counts = []
    for limit in (1, 3):
        statements.clear()
        cloud.api.get(f"/servers/detail?limit={limit}&all_tenants=1", version="2.96", token=ADMIN)
        counts.append(len(statements))
    assert counts[1] <= 4, statements
