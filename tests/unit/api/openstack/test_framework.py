"""What holds for every request: versions, faults, forms of URLs and bodies."""

import pytest

from nova_mini.api.openstack import api_version

FLAVOR = {"flavor": {"name": "tiny", "id": "1", "ram": 64, "vcpus": 1, "disk": 0}}


def test_the_versions_are_told_to_anyone(api):
    answer = api.get("//", token=None)
    assert answer.status_int == 200
    (version,) = answer.json["versions"]
    assert (version["id"], version["status"]) == ("v2.1", "CURRENT")
    assert (version["min_version"], version["version"]) == ("2.1", "2.96")
    assert version["links"][0]["href"] == "http://localhost/v2.1/"


@pytest.mark.parametrize("path", ["//v2.1", "//v2.1/"])
def test_the_version_document(api, path):
    answer = api.get(path, token=None)
    assert answer.status_int == 200
    assert answer.json["version"]["version"] == "2.96"
    assert answer.json["version"]["media-types"]


def test_a_version_document_can_only_be_read(api):
    assert api.post("//", {}).status_int == 405


def test_healthcheck(api):
    assert api.get("//healthcheck", token=None).status_int == 200


@pytest.mark.parametrize(
    ("headers", "used"),
    [
        ({}, "2.1"),
        ({"OpenStack-API-Version": "compute 2.53"}, "2.53"),
        ({"OpenStack-API-Version": "compute latest"}, "2.96"),
        ({"OpenStack-API-Version": "volume 3.59, compute 2.60"}, "2.60"),
        ({"OpenStack-API-Version": "volume 3.59"}, "2.1"),
        ({"X-OpenStack-Nova-API-Version": "2.10"}, "2.10"),
        ({"X-OpenStack-Nova-API-Version": "latest"}, "2.96"),
        (
            {
                "X-OpenStack-Nova-API-Version": "2.10",
                "OpenStack-API-Version": "compute 2.20",
            },
            "2.20",
        ),
    ],
)
def test_the_version_that_is_asked_for_is_used_and_told(api, headers, used):
    answer = api.get("/flavors", headers=headers)
    assert answer.status_int == 200
    assert answer.headers["OpenStack-API-Version"] == f"compute {used}"
    assert answer.headers["X-OpenStack-Nova-API-Version"] == used
    assert "OpenStack-API-Version" in answer.headers["Vary"]
    assert "X-OpenStack-Nova-API-Version" in answer.headers["Vary"]


@pytest.mark.parametrize("version", ["2.0", "2.97", "3.0", "1.1"])
def test_a_version_that_is_not_served(api, version):
    answer = api.get("/flavors", version=version)
    assert answer.status_int == 406
    assert answer.json == {
        "computeFault": {
            "code": 406,
            "message": f"Version {version} is not supported by the API. Minimum is 2.1 and "
            "maximum is 2.96.",
        }
    }


@pytest.mark.parametrize("version", ["2", "two.one", "2.01", "2.1.1", "", "2.x", "٢.١"])
def test_a_version_that_is_none(version):
    with pytest.raises(Exception, match="invalid format"):
        api_version.parse(version)


def test_a_request_without_a_token(api):
    answer = api.get("/flavors", token=None)
    assert answer.status_int == 401
    assert answer.json["unauthorized"]["code"] == 401


def test_every_answer_names_the_request(api):
    for answer in (api.get("/flavors"), api.get("/nothing"), api.get("/flavors", token=None)):
        assert answer.headers["x-compute-request-id"].startswith("req-")
        assert answer.headers["x-compute-request-id"] == answer.headers["x-openstack-request-id"]


def test_a_path_that_does_not_exist(api):
    answer = api.get("/nothing/here")
    assert answer.status_int == 404
    assert answer.json["itemNotFound"]["code"] == 404
    assert api.get("//v3/flavors").status_int == 404


def test_a_method_that_does_not_exist(api):
    answer = api.put("/flavors", {})
    assert answer.status_int == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "POST"}
    assert "badMethod" in answer.json


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
def test_a_body_that_is_no_json(api, body):
    answer = api.post("/flavors", body, token="admin:admin")
    assert answer.status_int == 400
    assert "not valid JSON" in answer.json["badRequest"]["message"]


def test_a_body_nested_deep(api):
    deep = b"[" * 900 + b"]" * 900
    answer = api.post("/flavors", b'{"flavor": ' + deep + b"}", token="admin:admin")
    assert answer.status_int == 400


@pytest.mark.parametrize("body", [[], "text", 1, None, {}, {"flavour": {}}, {"flavor": []}])
def test_a_body_of_another_form(api, body):
    assert api.post("/flavors", body, token="admin:admin").status_int == 400


def test_a_body_of_another_type(api):
    answer = api.post(
        "/flavors", b"<flavor/>", token="admin:admin", headers={"Content-Type": "application/xml"}
    )
    assert answer.status_int == 415
    assert "application/json" in answer.json["badMediaType"]["message"]


def test_a_body_that_is_too_large(api):
    answer = api.post("/flavors", b"[" + b"1," * 600_000 + b"1]", token="admin:admin")
    assert answer.status_int == 413
    assert answer.json["overLimit"]["code"] == 413


def test_a_refused_value_is_not_repeated(api):
    body = {"flavor": {**FLAVOR["flavor"], "name": "secret" * 100}}
    answer = api.post("/flavors", body, token="admin:admin")
    assert answer.status_int == 400
    assert "secret" not in answer.text
    assert "'flavor.name' may have at most 255 characters" in answer.text


@pytest.mark.parametrize("path", ["/flavors/%ff", "/flavors/a%00b", "/flavors?limit=%ff"])
def test_a_url_that_is_not_utf8(api, path):
    assert api.get(path).status_int == 400


@pytest.mark.parametrize(
    "query", ["limit=x", "limit=-1", "limit=", "limit=99999999999999", "marker=none"]
)
def test_a_page_that_cannot_be(api, query):
    assert api.get(f"/flavors?{query}").status_int == 400


def test_a_project_in_the_path(api):
    api.post("/flavors", FLAVOR, token="admin:abc0")
    answer = api.get("/abc0/flavors/1", token="user:abc0")
    assert answer.status_int == 200
    assert [link["href"] for link in answer.json["flavor"]["links"]] == [
        "http://localhost/v2.1/abc0/flavors/1",
        "http://localhost/abc0/flavors/1",
    ]


def test_another_project_in_the_path(api):
    answer = api.get("/abc1/flavors/1", token="user:abc0")
    assert answer.status_int == 400
    assert "abc1" in answer.json["badRequest"]["message"]


def test_links_behind_a_proxy(api):
    answer = api.get("//v2.1/", headers={"Host": "cloud.example:8774"}, token=None)
    assert answer.json["version"]["links"][0]["href"] == "http://cloud.example:8774/v2.1/"


def test_browsers_learn_what_they_may_send(api):
    answer = api.request(
        "OPTIONS", "/flavors",
        headers={"Origin": "https://dashboard.example", "Access-Control-Request-Method": "GET"},
    )  # fmt: skip
    assert answer.status_int in (200, 405)
    assert "Access-Control-Allow-Origin" not in answer.headers  # none is allowed by default


def test_every_request_is_logged_on_one_line(api, caplog):
    caplog.set_level("INFO", logger="nova_mini.api.middleware.request_log")
    api.get("/flavors/a%0Ab?limit=1", version="2.60", token="user:project")
    (record,) = [r for r in caplog.records if r.name.endswith("request_log")]
    line = record.getMessage()
    assert '"GET /v2.1/flavors/a\\nb?limit=1" status: 404' in line
    assert "microversion: 2.60" in line
    assert "\n" not in line
    assert "user:project" not in line
