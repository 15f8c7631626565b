"""No input makes a 5xx, and none leaves anything half made: thousands of requests over HTTP.

``NOVA_MINI_FUZZ`` says how many requests there are for each operation (25).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
from collections.abc import Iterator

import hypothesis
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.functional.conftest import make_catalog
from tests.functional.harness import cloud as clouds
from tests.functional.harness import oracle
from tests.functional.harness.cloud import Cloud
from tests.functional.harness.network import ADDRESS
from tests.functional.harness.project import Project
from tests.unit.api.request_strategies import all_operations, requests_to
from tests.unit.api.schema_strategies import json_values

EXAMPLES = int(os.environ.get("NOVA_MINI_FUZZ", "25"))
_NOT_IMPLEMENTED = 501  # a fake hypervisor has no uptime to tell
_SETTINGS = {
    "deadline": None,
    "database": None,
    "suppress_health_check": list(HealthCheck),
}


@pytest.fixture(scope="module")
def fuzzed(engines, images, workspace) -> Iterator[tuple[Cloud, Project]]:
    """A cloud for this alone: an administrator's garbage may disable or delete anything in it."""
    with clouds.running(engines, workspace / "fuzz", images) as cloud:
        yield cloud, Project(cloud, "fuzz", make_catalog(cloud, images))


def _check(answer, what) -> None:
    assert answer.status_code < 500 or answer.status_code == _NOT_IMPLEMENTED, (
        f"{what}: {answer.text}"
    )
    if answer.status_code >= 400:
        (fault,) = answer.json().values()
        assert fault["code"] == answer.status_code
        assert fault["message"], what


def test_requests_drawn_from_the_schemas(fuzzed, subtests):
    cloud, project = fuzzed
    usual = project.server()["server"]
    known = [project.create(), "tiny", usual["imageRef"]]
    for name, method, path, operation in all_operations():
        with subtests.test(name):
            _ask_all(project, known, usual, method, path, operation)
    oracle.assert_clean(cloud, 60)


def _ask_all(project: Project, known, usual, method: str, path: str, operation) -> None:
    """``usual`` are fields of a server that let some requests for one come far."""

    @seed(1)
    @settings(max_examples=EXAMPLES, **_SETTINGS)
    @given(
        request=requests_to(path, operation, known),
        client=st.sampled_from([project.user, project.admin]),
        helped=st.booleans(),
    )
    def ask(request, client, helped):
        url, version, body = request
        if helped and path == "/servers" and isinstance(body, dict):
            body = {**body, "server": {**_as_dict(body.get("server")), **usual}}
        headers = {"OpenStack-API-Version": f"compute {version}"}
        answer = client.request(method, url, body, headers=headers)
        _check(answer, (method, url, version, body))

    ask()


def _as_dict(value) -> dict:
    return value if isinstance(value, dict) else {}


_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "BREW"]
_PATHS = ["/", "/v2.1", "/v2.1/servers", "/v2.1/servers/x/action", "/healthcheck", "/v2.1/flavors"]
_HEADERS = ["Content-Type", "X-Auth-Token", "OpenStack-API-Version", "Accept", "Host", "Origin",
            "X-Forwarded-For", "Content-Encoding", "X-OpenStack-Nova-API-Version",
            "X-Openstack-Request-Id"]  # fmt: skip
_header_text = st.text(
    st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f")
)
_bodies = st.one_of(st.none(), st.binary(max_size=200), json_values.map(json.dumps).map(str.encode))


@seed(1)
@settings(max_examples=EXAMPLES * 40, **_SETTINGS)
@given(
    method=st.sampled_from(_METHODS),
    path=st.sampled_from(_PATHS),
    tail=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40),
    headers=st.dictionaries(st.sampled_from(_HEADERS), _header_text, max_size=4),
    body=_bodies,
)
def _throw(cloud, method, path, tail, headers, body):
    line = http.client.HTTPConnection(ADDRESS, cloud.api_port, timeout=20)
    sent = {"X-Auth-Token": "user:fuzz", "Content-Type": "application/json", **headers}
    with contextlib.closing(line):
        try:
            line.request(method, path + tail, body, sent)
        except ValueError:
            hypothesis.reject()  # this client itself refuses to send such a request
        answer = line.getresponse()
        assert answer.status < 500, (method, path + tail, sent, body, answer.read())


def test_garbage(fuzzed):
    cloud, _ = fuzzed
    _throw(cloud)
    oracle.assert_clean(cloud)
