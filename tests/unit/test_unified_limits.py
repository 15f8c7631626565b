"""Limits that are kept in Keystone, and no limits at all."""

from __future__ import annotations

import pytest
from oslo_limit import limit

from nova_mini import exception, quota
from nova_mini.conf import CONF
from nova_mini.quota import unified
from tests.unit import rest_server
from tests.unit.conftest import ADMIN

SETS = "/os-quota-sets"
ENDPOINT = {"id": "compute-endpoint", "service_id": "compute", "region_id": "one"}


class Keystone:
    """``registered`` and ``projects``: the limits, by resource; and those of each project."""

    def __init__(self):
        self.registered = dict.fromkeys(unified.NAMES, 5)
        self.projects: dict[str, dict[str, int]] = {}
        self.requests: list[str] = []
        self.status = None
        self.url = ""

    def respond(self, method, path, query, headers, body):
        self.requests.append(path)
        if self.status:
            return self.status, {"error": {"message": "no"}}
        where = {"service_id": ["compute"], "region_id": ["one"]}
        match path.removeprefix("/v3"):
            case "" | "/":
                links = [{"rel": "self", "href": f"{self.url}/v3/"}]
                return 200, {"version": {"id": "v3.14", "status": "stable", "links": links}}
            case "/limits/model":
                return 200, {"model": {"name": "flat", "description": "flat"}}
            case "/endpoints/compute-endpoint":
                return 200, {"endpoint": ENDPOINT}
            case "/registered_limits":
                assert query.items() >= where.items()
                rows = self.registered.items()
                limits = [{"id": n, "resource_name": n, "default_limit": v} for n, v in rows]
                return 200, {"registered_limits": limits, "links": {}}
            case "/limits":
                assert query.items() >= where.items()
                rows = self.projects.get(query["project_id"][0], {}).items()
                limits = [{"id": n, "resource_name": n, "resource_limit": v} for n, v in rows]
                return 200, {"limits": limits, "links": {}}
        return 404, {"error": {"message": path}}


@pytest.fixture
def keystone(override):
    forget_connection()
    served = Keystone()
    with rest_server.running(served.respond) as url:
        served.url = url
        options = {
            "endpoint_id": "compute-endpoint",
            "auth_type": "none",
            "endpoint_override": f"{url}/v3",
        }
        for name, value in options.items():
            override(name, value, "oslo_limit")
        override("driver", quota.UNIFIED, "quota")
        yield served
    forget_connection()


def forget_connection() -> None:
    unified._make_enforcer.cache_clear()
    limit._SDK_CONNECTION = None


def test_a_project_has_its_own_limits_else_the_registered_ones(keystone, admin_context):
    keystone.projects["p"] = {"servers": 2, "class:MEMORY_MB": 4096}
    limits = quota.get_limits(admin_context, "p", "user")
    assert (limits["instances"], limits["ram"], limits["cores"]) == (2, 4096, 5)
    assert limits["security_groups"] == -1
    assert quota.get_limits(admin_context, "q")["instances"] == 5
    assert quota.get_defaults(admin_context)["instances"] == 5
    of_project, of_user = quota.get_project_and_user_limits(admin_context, "p", "user")
    assert (of_project["instances"], of_user) == (2, {})


def test_all_limits_of_a_project_take_two_requests(keystone, admin_context):
    quota.get_limits(admin_context, "p")
    keystone.requests.clear()
    quota.get_limits(admin_context, "p")
    assert keystone.requests == ["/v3/registered_limits", "/v3/limits"]


def test_a_changed_limit_holds_at_once(keystone, admin_context):
    assert quota.get_limits(admin_context, "p")["cores"] == 5
    keystone.registered["class:VCPU"] = 7
    assert quota.get_limits(admin_context, "p")["cores"] == 7


@pytest.mark.parametrize(
    ("strategy", "listed", "servers", "cores"),
    [
        ("require", ["servers"], 0, -1),
        ("ignore", ["servers"], -1, 0),
        ("require", [], -1, -1),
        ("ignore", [], 0, 0),
    ],
)
def test_resources_without_a_registered_limit(
    keystone, admin_context, override, strategy, listed, servers, cores
):
    override("unified_limits_resource_strategy", strategy, "quota")
    override("unified_limits_resource_list", listed, "quota")
    keystone.registered.clear()
    limits = quota.get_limits(admin_context, "p")
    assert (limits["instances"], limits["cores"]) == (servers, cores)


def test_the_api_shows_them_and_changes_nothing(keystone, api):
    keystone.projects["project"] = {"servers": 2}
    body = {"quota_set": {"instances": 99}}
    assert api.put(f"{SETS}/project", body, token=ADMIN).json["quota_set"]["instances"] == 2
    assert api.delete(f"{SETS}/project", token=ADMIN).status_int == 202
    assert api.get(f"{SETS}/project", token=ADMIN).json["quota_set"]["instances"] == 2
    body = {"quota_class_set": {"instances": 99}}
    path = "/os-quota-class-sets/default"
    assert api.put(path, body, token=ADMIN).json["quota_class_set"]["instances"] == 5
    assert api.get("/limits").json["limits"]["absolute"]["maxTotalInstances"] == 2
    CONF.set_override("driver", quota.DATABASE, group="quota")
    assert api.get(f"{SETS}/project", token=ADMIN).json["quota_set"]["instances"] == 10


def test_a_limit_is_enforced(keystone, api):
    keystone.projects["project"] = {"server_key_pairs": 1}

    def create(name: str) -> int:
        return api.post("/os-keypairs", {"keypair": {"name": name}}).status_int

    assert [create(name) for name in ("one", "two")] == [200, 403]


@pytest.mark.parametrize("status", [401, 404, 500])
def test_without_an_answer_of_keystone_requests_fail(keystone, api, admin_context, status):
    keystone.status = status
    with pytest.raises(exception.KeystoneConnectionFailed):
        quota.get_limits(admin_context, "p")
    assert api.get("/limits").status_int == 503
    keystone.status = None
    assert api.get("/limits").status_int == 200


def test_without_limits(override, admin_context):
    override("driver", "nova.quota.NoopQuotaDriver", "quota")
    assert set(quota.get_limits(admin_context, "p").values()) == {-1}
    assert set(quota.get_defaults(admin_context).values()) == {-1}
