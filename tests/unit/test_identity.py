"""Verification of project IDs at Keystone."""

import pytest

from nova_mini import exception, identity
from tests.unit import rest_server
from tests.unit.conftest import ADMIN

SETS = "/os-quota-sets"


class Keystone:
    def __init__(self):
        self.projects = {"project", "a/b"}
        self.status = None  # if set, the status of every response
        self.requests = []

    def respond(self, method, path, query, headers, body):
        self.requests.append(path)
        if self.status:
            return self.status, {"error": {}}
        known = path in {f"/v3/projects/{name.replace('/', '%2F')}" for name in self.projects}
        return (200 if known else 404), {"project": {}}


@pytest.fixture
def keystone():
    served = Keystone()
    with rest_server.serving("keystone", served.respond, "/v3"):
        yield served


def test_quotas_of_a_project_that_does_not_exist(api, keystone):
    for method, path, body in (
        ("GET", "", None),
        ("GET", "/detail", None),
        ("GET", "/defaults", None),
        ("PUT", "", {"quota_set": {"cores": 1}}),
    ):
        response = api.request(method, f"{SETS}/no-such-project{path}", body, token=ADMIN)
        assert response.status_int == 400
        message = response.json["badRequest"]["message"]
        assert message == "Project ID no-such-project is not a valid project."
        assert api.request(method, f"{SETS}/project{path}", body, token=ADMIN).status_int == 200
    assert (
        api.delete(f"{SETS}/no-such-project", token=ADMIN).status_int == 202
    )  # its rows may outlive it


def test_keystone_is_not_asked_when_policy_refuses_the_request(api, keystone):
    assert api.get(f"{SETS}/no-such-project", token="user:project").status_int == 403
    assert keystone.requests == []


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_project_is_accepted_when_keystone_refuses_to_answer(keystone, admin_context, status):
    keystone.status = status
    identity.verify_project_id(admin_context, "no-such-project")
    assert len(keystone.requests) == 2  # as the user, and as the service


def test_a_project_is_accepted_when_keystone_is_not_configured(admin_context):
    identity.verify_project_id(admin_context, "no-such-project")


def test_a_slash_in_a_project_id_is_quoted(keystone, admin_context):
    identity.verify_project_id(admin_context, "a/b")
    with pytest.raises(exception.ValidationError):
        identity.verify_project_id(admin_context, "../users")
    assert keystone.requests[-1] == "/v3/projects/..%2Fusers"
