"""Policies of servers: each operation is requested as a reader and as another project."""

import json

import pytest

from nova_mini.api.openstack.compute.router import APIRouterV21
from nova_mini.api.openstack.request import CONTEXT_KEY, Request
from nova_mini.context import RequestContext
from tests.unit.api.openstack.compute.conftest import IMAGE

READS = [
    ("GET", "", None),
    ("GET", "/metadata", None),
    ("GET", "/metadata/a", None),
    ("GET", "/tags", None),
    ("GET", "/ips", None),
    ("GET", "/os-interface", None),
    ("GET", "/os-security-groups", None),
    ("GET", "/os-server-password", None),
    ("GET", "/topology", None),
]
CHANGES = [
    ("PUT", "", {"server": {"name": "n"}}),
    ("POST", "/metadata", {"metadata": {"b": "1"}}),
    ("PUT", "/metadata", {"metadata": {}}),
    ("PUT", "/metadata/a", {"meta": {"a": "2"}}),
    ("DELETE", "/metadata/a", None),
    ("PUT", "/tags", {"tags": []}),
    ("DELETE", "/tags", None),
    ("PUT", "/tags/t", None),
    ("DELETE", "/tags/t", None),
    ("DELETE", "/os-server-password", None),
    ("GET", "/diagnostics", None),
    ("POST", "/os-interface", {}),
    ("DELETE", "/os-interface/p", None),
    *(
        ("POST", "/action", {action: argument})
        for action, argument in {
            "reboot": {"type": "SOFT"},
            "os-start": None,
            "os-stop": None,
            "pause": None,
            "unpause": None,
            "suspend": None,
            "resume": None,
            "lock": None,
            "unlock": None,
            "rebuild": {"imageRef": IMAGE},
            "createImage": {"name": "i"},
            "createBackup": {"name": "b", "backup_type": "daily", "rotation": 1},
            "resize": {"flavorRef": "2"},
            "confirmResize": None,
            "revertResize": None,
            "migrate": None,
            "addSecurityGroup": {"name": "g"},
            "removeSecurityGroup": {"name": "g"},
            "os-getConsoleOutput": {},
            "os-resetState": {"state": "error"},
            "shelve": None,
            "shelveOffload": None,
            "unshelve": None,
            "restore": None,
            "forceDelete": None,
            "trigger_crash_dump": None,
            "injectNetworkInfo": None,
            "changePassword": {"adminPass": "p"},
        }.items()
    ),
    ("DELETE", "", None),
]


@pytest.fixture(scope="module")
def router():
    return APIRouterV21()


@pytest.fixture
def ask(router):
    def send(method, path, body, *, project="project", roles=("reader",)) -> int:
        req = Request.blank(path, method=method, headers={"OpenStack-API-Version": "compute 2.79"})
        if body is not None:
            req.body, req.content_type = json.dumps(body).encode(), "application/json"
        req.environ[CONTEXT_KEY] = RequestContext(
            user_id="user", project_id=project, roles=list(roles), overwrite=False
        )
        return router.respond(req).status_int

    return send


@pytest.fixture
def server(cloud):
    server_id = cloud.boot(metadata={"a": "1"}, tags=["t"])
    return f"/servers/{server_id}"


@pytest.mark.parametrize(("method", "path", "body"), READS)
def test_policies_of_reads(ask, server, method, path, body):
    assert ask(method, server + path, body) == 200
    assert ask(method, server + path, body, roles=()) == 403
    assert ask(method, server + path, body, project="other") == 404


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
def test_policies_of_changes(cloud, ask, server, method, path, body):
    before = cloud.row(server.rpartition("/")[2])
    assert ask(method, server + path, body) == 403
    assert ask(method, server + path, body, project="other", roles=["member", "reader"]) == 404
    assert cloud.row(server.rpartition("/")[2]) == before
    assert cloud.bus.sent == []


def test_policies_of_lists_and_create(cloud, ask, server):
    for path in ("/servers", "/servers/detail"):
        assert ask("GET", path, None) == 200
        assert ask("GET", path, None, roles=()) == 403
    assert ask("POST", "/servers", cloud.body()) == 403
    assert ask("POST", "/servers", cloud.body(), roles=["member"]) == 202
