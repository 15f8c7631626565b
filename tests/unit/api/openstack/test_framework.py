"""Common to all requests: versions, faults, URLs and bodies."""

import pytest

from nova_mini.api.openstack import api_version
from nova_mini.api.openstack.compute.removed import REMOVED_ACTIONS, REMOVED_ROUTES

FLAVOR = {"flavor": {"name": "tiny", "id": "1", "ram": 64, "vcpus": 1, "disk": 0}}


def test_versions_need_no_token(api):
    response = api.get("//", token=None)
    assert response.status_int == 200
    old, version = response.json["versions"]
    assert (old["id"], old["version"], old["min_version"]) == ("v2.0", "", "")
    assert old["links"] == [{"rel": "self", "href": "http://localhost/v2/"}]
    assert (version["id"], version["status"]) == ("v2.1", "CURRENT")
    assert (version["min_version"], version["version"]) == ("2.1", "2.104")
    assert version["links"][0]["href"] == "http://localhost/v2.1/"


@pytest.mark.parametrize("path", ["//v2.1", "//v2.1/"])
def test_version_document_needs_no_token(api, path):
    response = api.get(path, token=None)
    assert response.status_int == 200
    assert response.json["version"]["version"] == "2.104"
    assert response.json["version"]["media-types"]


@pytest.mark.parametrize(
    ("path", "version_id", "token"),
    [
        ("//v2", "v2.0", None),
        ("//v2/", "v2.0", None),
        ("//v2.1/versions/v2.0", "v2.0", "user:project"),
        ("//v2.1/versions/v2.1", "v2.1", "user:project"),
    ],
)
def test_each_version_has_a_document(api, path, version_id, token):
    response = api.get(path, token=token)
    assert response.status_int == 200
    assert response.json["version"]["id"] == version_id
    (itself, _) = response.json["version"]["links"]
    assert api.get("/" + itself["href"].removeprefix("http://localhost"), token=None).json


def test_unknown_version_document_is_404(api):
    assert api.get("/versions/v3").status_int == 404
    assert api.get("/versions/v2.1", token=None).status_int == 401


def test_path_without_version_is_300(api):
    response = api.get("//servers/detail", token=None)
    assert response.status_int == 300
    links = [choice["links"][0]["href"] for choice in response.json["choices"]]
    assert links == [f"http://localhost/{v}/servers/detail" for v in ("v2", "v2.1")]
    assert api.get("//%f0%9f%98%80%ff%0a", token=None).status_int == 300


def test_legacy_api_is_2_1_and_ignores_unknown_properties(api):
    headers = {"OpenStack-API-Version": "compute 2.104", "X-OpenStack-Nova-API-Version": "2.104"}
    body = {"flavor": {**FLAVOR["flavor"], "colour": "red"}, "more": 1}
    response = api.post("//v2/flavors", body, token="admin:admin", headers=headers)
    assert response.status_int == 200, response.text
    assert "description" not in response.json["flavor"]  # of 2.55
    assert "OpenStack-API-Version" not in response.headers
    assert response.json["flavor"]["links"][0]["href"] == "http://localhost/v2/flavors/1"
    assert api.post("//v2.1/flavors", body, token="admin:admin").status_int == 400
    assert api.get("//v2/flavors/1").json["flavor"]["name"] == "tiny"
    assert api.get("//v2/flavors", token=None).status_int == 401


def _removed():
    for path, methods in REMOVED_ROUTES:
        for method in methods:
            yield method, path.replace("{", "").replace("}", "")


@pytest.mark.parametrize(("method", "path"), list(_removed()))
def test_removed_routes_are_410(api, method, path):
    for version in ("2.1", "2.104"):
        response = api.request(method, path, {}, version=version)
        fault = response.json["computeFault"]
        assert (response.status_int, fault["code"]) == (410, 410)
        assert fault["message"].startswith("This resource is no longer available.")


def test_removed_actions_are_410(api):
    def act(action, version):
        return api.post("/servers/x/action", {action: None}, version=version).status_int

    assert act("resetNetwork", "2.96") == 410
    assert act("os-getRDPConsole", "2.5") == act("fly", "2.1") == 400


def test_number_of_removed_routes_and_actions():
    routes = sum(len(methods) for _, methods in REMOVED_ROUTES)
    bodies = 1 + 3  # one row stands for two, and one for four actions in Nova's table
    refused = 1  # os-getRDPConsole gets 400, as in Nova
    assert routes + bodies + len(REMOVED_ACTIONS) + refused == 54


def test_version_documents_are_read_only(api):
    assert api.post("//", {}).status_int == 405


def test_healthcheck(api):
    assert api.get("//healthcheck", token=None).status_int == 200


@pytest.mark.parametrize(
    ("headers", "used"),
    [
        ({}, "2.1"),
        ({"OpenStack-API-Version": "compute 2.53"}, "2.53"),
        ({"OpenStack-API-Version": "compute latest"}, "2.104"),
        ({"OpenStack-API-Version": "volume 3.59, compute 2.60"}, "2.60"),
        ({"OpenStack-API-Version": "volume 3.59"}, "2.1"),
        ({"X-OpenStack-Nova-API-Version": "2.10"}, "2.10"),
        ({"X-OpenStack-Nova-API-Version": "latest"}, "2.104"),
        (
            {
                "X-OpenStack-Nova-API-Version": "2.10",
                "OpenStack-API-Version": "compute 2.20",
            },
            "2.20",
        ),
    ],
)
def test_requested_version_is_used_and_returned(api, headers, used):
    response = api.get("/flavors", headers=headers)
    assert response.status_int == 200
    assert response.headers["OpenStack-API-Version"] == f"compute {used}"
    assert response.headers["X-OpenStack-Nova-API-Version"] == used
    assert "OpenStack-API-Version" in response.headers["Vary"]
    assert "X-OpenStack-Nova-API-Version" in response.headers["Vary"]


@pytest.mark.parametrize("version", ["2.0", "2.105", "3.0", "1.1"])
def test_unsupported_version_is_406(api, version):
    response = api.get("/flavors", version=version)
    assert response.status_int == 406
    assert response.json == {
        "computeFault": {
            "code": 406,
            "message": f"Version {version} is not supported by the API. Minimum is 2.1 and "
            "maximum is 2.104.",
        }
    }


@pytest.mark.parametrize("version", ["2", "two.one", "2.01", "2.1.1", "", "2.x", "٢.١"])
def test_invalid_version_is_refused(version):
    with pytest.raises(Exception, match="invalid format"):
        api_version.parse(version)


def test_request_without_token_is_401(api):
    response = api.get("/flavors", token=None)
    assert response.status_int == 401
    assert response.json["unauthorized"]["code"] == 401


def test_every_response_has_a_request_id(api):
    for response in (api.get("/flavors"), api.get("/nothing"), api.get("/flavors", token=None)):
        assert response.headers["x-compute-request-id"].startswith("req-")
        assert (
            response.headers["x-compute-request-id"] == response.headers["x-openstack-request-id"]
        )


def test_unknown_path_is_404(api):
    response = api.get("/nothing/here")
    assert response.status_int == 404
    assert response.json["itemNotFound"]["code"] == 404


def test_unknown_method_is_405(api):
    response = api.put("/flavors", {})
    assert response.status_int == 405
    assert set(response.headers["Allow"].split(", ")) == {"GET", "POST"}
    assert "badMethod" in response.json


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b"\xff\xfe",
        b'{"flavor": NaN}',
        b'{"flavor": {"name": "\\ud800"}}',
        b'{"flavor": {"name": "a\\u0000b", "ram": 1, "vcpus": 1, "disk": 1}}',
        b"[" * 100_000,
    ],
)
def test_malformed_json_is_400(api, body):
    response = api.post("/flavors", body, token="admin:admin")
    assert response.status_int == 400
    assert "Malformed message body" in response.json["badRequest"]["message"]


def test_deeply_nested_body_is_400(api):
    deep = b"[" * 900 + b"]" * 900
    response = api.post("/flavors", b'{"flavor": ' + deep + b"}", token="admin:admin")
    assert response.status_int == 400


@pytest.mark.parametrize("body", [[], "text", 1, None, {}, {"flavour": {}}, {"flavor": []}])
def test_body_with_wrong_structure_is_400(api, body):
    assert api.post("/flavors", body, token="admin:admin").status_int == 400


def test_body_with_wrong_content_type_is_415(api):
    response = api.post(
        "/flavors", b"<flavor/>", token="admin:admin", headers={"Content-Type": "application/xml"}
    )
    assert response.status_int == 415
    assert "application/json" in response.json["badMediaType"]["message"]


def test_too_large_body_is_413(api):
    response = api.post("/flavors", b"[" + b"1," * 600_000 + b"1]", token="admin:admin")
    assert response.status_int == 413
    assert response.json["overLimit"]["code"] == 413


def test_message_shortens_the_refused_value(api):
    body = {"flavor": {**FLAVOR["flavor"], "name": "longer" * 100}}
    response = api.post("/flavors", body, token="admin:admin")
    assert response.status_int == 400
    message = response.json["badRequest"]["message"]
    assert message.startswith("Invalid input for field/attribute name. Value: longerlonger")
    assert message.endswith("... is too long")
    assert len(message) < 700


@pytest.mark.parametrize("path", ["/flavors/%ff", "/flavors/a%00b", "/flavors?limit=%ff"])
def test_url_that_is_not_utf8_is_400(api, path):
    assert api.get(path).status_int == 400


@pytest.mark.parametrize(
    "query", ["limit=x", "limit=-1", "limit=", "limit=99999999999999", "marker=none"]
)
def test_invalid_pagination_is_400(api, query):
    assert api.get(f"/flavors?{query}").status_int == 400


def test_project_id_in_the_path(api):
    api.post("/flavors", FLAVOR, token="admin:abc0")
    response = api.get("/abc0/flavors/1", token="user:abc0")
    assert response.status_int == 200
    assert [link["href"] for link in response.json["flavor"]["links"]] == [
        "http://localhost/v2.1/abc0/flavors/1",
        "http://localhost/abc0/flavors/1",
    ]


def test_another_project_id_in_the_path_is_400(api):
    response = api.get("/abc1/flavors/1", token="user:abc0")
    assert response.status_int == 400
    assert "abc1" in response.json["badRequest"]["message"]


def test_links_use_the_host_header(api):
    response = api.get("//v2.1/", headers={"Host": "cloud.example:8774"}, token=None)
    assert response.json["version"]["links"][0]["href"] == "http://cloud.example:8774/v2.1/"


def test_cors_preflight_request(api):
    response = api.request(
        "OPTIONS",
        "/flavors",
        headers={"Origin": "https://dashboard.example", "Access-Control-Request-Method": "GET"},
    )
    assert response.status_int in (200, 405)
    assert "Access-Control-Allow-Origin" not in response.headers  # none is allowed by default


def test_each_request_is_logged_on_one_line(api, caplog):
    caplog.set_level("INFO", logger="nova_mini.api.middleware.request_log")
    api.get("/flavors/a%0Ab?limit=1", version="2.60", token="user:project")
    (record,) = [r for r in caplog.records if r.name.endswith("request_log")]
    line = record.getMessage()
    assert '"GET /v2.1/flavors/a\\nb?limit=1" status: 404' in line
    assert "microversion: 2.60" in line
    assert "\n" not in line
    assert "user:project" not in line
