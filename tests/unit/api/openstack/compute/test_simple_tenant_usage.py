import datetime

import pytest

from tests.unit.conftest import ADMIN

NOON = datetime.datetime(2026, 3, 1, 12)
DAY = "start=2026-03-01T00:00:00&end=2026-03-02T00:00:00"


@pytest.fixture
def servers(cloud):
    """One server that ran two hours, and one that runs until after the day."""
    short, running = cloud.boot(name="short"), cloud.boot(name="running")
    two_hours = datetime.timedelta(hours=2)
    cloud.set(short, launched_at=NOON, terminated_at=NOON + two_hours)
    cloud.set(running, launched_at=NOON, terminated_at=NOON + datetime.timedelta(days=3))
    return short, running


def test_usage_of_a_project(cloud, servers):
    response = cloud.api.get(f"/os-simple-tenant-usage/project?{DAY}")
    usage = response.json["tenant_usage"]
    short, running = usage.pop("server_usages")
    assert usage == {
        "tenant_id": "project",
        "start": "2026-03-01T00:00:00.000000",
        "stop": "2026-03-02T00:00:00.000000",
        "total_hours": 14.0,
        "total_vcpus_usage": 14.0,
        "total_memory_mb_usage": 14.0 * 128,
        "total_local_gb_usage": 14.0,
    }
    assert (short["hours"], running["hours"]) == (2.0, 12.0)
    assert short["name"] == "short"
    assert short["flavor"] == "flavor 1"
    assert short["uptime"] == 7200
    assert short["state"] == "terminated"


def test_usage_of_all_projects(cloud, servers):
    path = f"/os-simple-tenant-usage?{DAY}"
    assert cloud.api.get(path).status_int == 403
    (usage,) = cloud.api.get(path, token=ADMIN).json["tenant_usages"]
    assert (usage["tenant_id"], usage["total_hours"]) == ("project", 14.0)
    assert "server_usages" not in usage
    (usage,) = cloud.api.get(f"{path}&detailed=1", token=ADMIN).json["tenant_usages"]
    assert len(usage["server_usages"]) == 2


def test_usage_of_another_project(cloud, servers):
    path = f"/os-simple-tenant-usage/project?{DAY}"
    assert cloud.api.get(path, token="user:other").status_int == 403
    path = f"/os-simple-tenant-usage/other?{DAY}"
    assert cloud.api.get(path, token=ADMIN).json == {"tenant_usage": {}}


def test_usage_of_another_period(cloud, servers):
    path = "/os-simple-tenant-usage/project?start=2026-02-01T00:00:00&end=2026-02-02T00:00:00"
    assert cloud.api.get(path).json == {"tenant_usage": {}}


def test_pagination_of_usage(cloud, servers):
    path = f"/os-simple-tenant-usage/project?{DAY}&limit=1"
    page = cloud.api.get(path, version="2.40").json
    assert page["tenant_usage"]["total_hours"] == 2.0
    rest = page["tenant_usage_links"][0]["href"].removeprefix("http://localhost/v2.1")
    page = cloud.api.get(rest, version="2.40").json
    assert page["tenant_usage"]["total_hours"] == 12.0
    wrong = f"/os-simple-tenant-usage/project?{DAY}&marker=nope"
    assert cloud.api.get(wrong, version="2.40").status_int == 400


@pytest.mark.parametrize(
    "query", ["start=yesterday", "start=2026-03-02T00:00:00&end=2026-03-01T00:00:00"]
)
def test_invalid_times_are_refused(cloud, query):
    assert cloud.api.get(f"/os-simple-tenant-usage/project?{query}").status_int == 400
