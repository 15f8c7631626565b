"""Thousands of random requests over HTTP: none causes a 5xx or leaves incomplete records.

``NOVA_MINI_FUZZ``: the number of requests for each operation (25).
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import json
import os
import socket
import uuid
from collections.abc import Iterator

import hypothesis
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.functional.conftest import make_catalog
from tests.functional.harness import cloud as clouds
from tests.functional.harness import oracle
from tests.functional.harness.client import pieces
from tests.functional.harness.cloud import Cloud
from tests.functional.harness.network import ADDRESS, free_port
from tests.functional.harness.project import Project
from tests.unit.api.body_strategies import odd_bodies
from tests.unit.api.request_strategies import all_operations, requests_to
from tests.unit.api.schema_strategies import FORMATS, json_values, names, text

EXAMPLES = int(os.environ.get("NOVA_MINI_FUZZ", "25"))
_NOT_IMPLEMENTED = 501  # a fake hypervisor has no uptime to tell
_METADATA_PORT = free_port()
_SECRET = "between-us"
# Bytes of each chunk of a chunked body; None: the body has a length.
_chunks = st.sampled_from([None, None, 1000, 7])
_SETTINGS = {
    "deadline": None,
    "database": None,
    "suppress_health_check": list(HealthCheck),
}


@pytest.fixture(scope="module")
def fuzzed_cloud(engines, images, workspace) -> Iterator[Cloud]:
    """A cloud for these tests only: random requests of an administrator may destroy anything."""
    options = {
        "DEFAULT": {
            "enabled_apis": "osapi_compute,metadata",
            "metadata_listen": ADDRESS,
            "metadata_listen_port": _METADATA_PORT,
        },
        "neutron": {"service_metadata_proxy": True, "metadata_proxy_shared_secret": _SECRET},
    }
    with clouds.running(engines, workspace / "fuzz", images, api_options=options) as cloud:
        yield cloud


@pytest.fixture
def fuzzed(fuzzed_cloud, images) -> tuple[Cloud, Project]:
    """The cloud with a new project, flavor and image, which no earlier test has changed."""
    flavor = f"tiny-{uuid.uuid4()}"
    return fuzzed_cloud, Project(fuzzed_cloud, "fuzz", make_catalog(fuzzed_cloud, images, flavor))


def _check(response, label) -> None:
    assert response.status_code < 500 or response.status_code == _NOT_IMPLEMENTED, (
        f"{label}: {response.text}"
    )
    if response.status_code >= 400:
        (fault,) = response.json().values()
        assert fault["code"] == response.status_code
        assert fault["message"], label


def test_requests_drawn_from_the_schemas(fuzzed, subtests):
    cloud, project = fuzzed
    usual = project.server()["server"]
    known = [project.create(), usual["flavorRef"], usual["imageRef"]]
    for name, method, path, operation in all_operations():
        with subtests.test(name):
            _ask_all(project, known, usual, method, path, operation)
    oracle.assert_clean(cloud, 60)


def _ask_all(project: Project, known, usual, method: str, path: str, operation) -> None:
    """``usual``: valid fields of a server, with which some requests pass the validation."""

    @seed(1)
    @settings(max_examples=EXAMPLES, **_SETTINGS)
    @given(
        request=requests_to(path, operation, known),
        client=st.sampled_from([project.user, project.admin]),
        helped=st.booleans(),
        chunk=_chunks,
    )
    def ask(request, client, helped, chunk):
        url, version, body = request
        if helped and path == "/servers" and isinstance(body, dict):
            body = {**body, "server": {**_as_dict(body.get("server")), **usual}}
        headers = {"OpenStack-API-Version": f"compute {version}"}
        response = client.request(method, url, body, headers=headers, chunk=chunk)
        _check(response, (method, url, version, body, chunk))

    ask()


def test_bodies_that_parsers_disagree_on(fuzzed, subtests):
    cloud, project = fuzzed
    usual = project.server()["server"]
    known = [project.create(), usual["flavorRef"], usual["imageRef"]]
    for name, method, path, operation in all_operations():
        if any(each.body_schemas for each in operation.implementations):
            with subtests.test(name):
                _send_odd_bodies(project, known, method, path, operation)
    oracle.assert_clean(cloud, 60)


def _send_odd_bodies(project: Project, known, method: str, path: str, operation) -> None:
    @seed(1)
    @settings(max_examples=EXAMPLES, **_SETTINGS)
    @given(data=st.data(), client=st.sampled_from([project.user, project.admin]), chunk=_chunks)
    def send(data, client, chunk):
        url, version, body = data.draw(requests_to(path, operation, known))
        odd = data.draw(odd_bodies(st.just(body)))
        headers = {"OpenStack-API-Version": f"compute {version}"}
        response = client.request(method, url, odd, headers=headers, chunk=chunk)
        _check(response, (method, url, version, odd[:300], chunk))

    send()


def _as_dict(value) -> dict:
    return value if isinstance(value, dict) else {}


_PROPERTIES = [
    "hw_disk_bus",
    "hw_vif_model",
    "hw_cpu_sockets",
    "hw_machine_type",
    "hw_rng_model",
    "os_type",
    "hw_architecture",
    "img_hv_type",
    "img_config_drive",
    "auto_disk_config",
    "kernel_id",
    "ramdisk_id",
    "block_device_mapping",
    "root_device_name",
    "os_require_quiesce",
    "trait:CUSTOM_X",
    "hw_mem_page_size",
    "signature",
]
_deep = st.integers(2, 2000).map(lambda depth: "[" * depth + "]" * depth)
_property_values = st.one_of(
    text,
    names,
    FORMATS["uuid"],
    FORMATS["regex"],
    st.integers().map(str),
    _deep,
    json_values.map(json.dumps),
)


def test_properties_of_images(fuzzed, images):
    """A server of an image with any properties is either built or refused."""
    cloud, project = fuzzed

    @seed(1)
    @settings(max_examples=EXAMPLES * 4, **_SETTINGS)
    @given(
        properties=st.dictionaries(
            st.sampled_from(_PROPERTIES) | names, _property_values, min_size=1, max_size=4
        )
    )
    def boot(properties):
        image = images.add(**{**properties, "id": str(uuid.uuid4())})
        body = project.server(imageRef=image)
        _check(project.user.request("POST", "/servers", body), properties)

    boot()
    project.end()
    oracle.assert_clean(cloud, 60)


_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "BREW"]
_PATHS = ["/", "/v2.1", "/v2.1/servers", "/v2.1/servers/x/action", "/healthcheck", "/v2.1/flavors"]
_HEADERS = [
    "Content-Type",
    "X-Auth-Token",
    "OpenStack-API-Version",
    "Accept",
    "Host",
    "Origin",
    "X-Forwarded-For",
    "Content-Encoding",
    "X-OpenStack-Nova-API-Version",
    "X-Openstack-Request-Id",
]
_header_text = st.text(
    st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f")
)
_bodies = st.one_of(st.none(), st.binary(max_size=200), odd_bodies(json_values))
# Characters for URLs, and bytes that are not valid UTF-8.
_tails = st.lists(
    st.sampled_from(["%ff%fe", "%00", "%C3", "%F0%9F%98%80", "%2e%2e", "%", "//"])
    | st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=10),
    max_size=4,
).map("".join)


@seed(1)
@settings(max_examples=EXAMPLES * 40, **_SETTINGS)
@given(
    method=st.sampled_from(_METHODS),
    path=st.sampled_from(_PATHS),
    tail=_tails,
    headers=st.dictionaries(st.sampled_from(_HEADERS), _header_text, max_size=4),
    body=_bodies,
    chunk=_chunks,
)
def _throw(cloud, method, path, tail, headers, body, chunk):
    sent = {"X-Auth-Token": "user:fuzz", "Content-Type": "application/json", **headers}
    _exchange(cloud.api_port, method, path + tail, sent, body, chunk)


def _exchange(port: int, method: str, url: str, headers: dict, body, chunk) -> None:
    """Send a request. Its response must have a status below 500; a missing response is an error."""
    line = http.client.HTTPConnection(ADDRESS, port, timeout=20)
    if chunk and body:
        headers = {**headers, "Transfer-Encoding": "chunked"}
        body = pieces(body, chunk)
    with contextlib.closing(line):
        try:
            line.request(method, url, body, headers, encode_chunked=bool(chunk))
        except ValueError:
            hypothesis.reject()  # this client itself refuses to send such a request
        response = line.getresponse()
        assert response.status < 500, (method, url, headers, response.read())


def test_garbage(fuzzed):
    cloud, _ = fuzzed
    _throw(cloud)
    oracle.assert_clean(cloud)


_GUEST_PATHS = [
    "/",
    "/latest",
    "/openstack/latest/password",
    "/openstack",
    "/openstack/latest/",
    "/2009-04-04/meta-data/",
    "/healthcheck",
]
_GUEST_HEADERS = [
    "X-Instance-ID",
    "X-Tenant-ID",
    "X-Instance-ID-Signature",
    "X-Forwarded-For",
    "Content-Type",
    "Host",
]


@seed(1)
@settings(max_examples=EXAMPLES * 20, **_SETTINGS)
@given(
    method=st.sampled_from(_METHODS),
    path=st.sampled_from(_GUEST_PATHS),
    tail=_tails,
    headers=st.dictionaries(st.sampled_from(_GUEST_HEADERS), _header_text, max_size=2),
    body=_bodies,
    chunk=_chunks,
)
def _throw_as_guest(signed, method, path, tail, headers, body, chunk):
    _exchange(_METADATA_PORT, method, path + tail, {**signed, **headers}, body, chunk)


def test_garbage_of_guests(fuzzed):
    """Random requests of a guest, which Neutron's agent signs and forwards."""
    _, project = fuzzed
    server = project.create()
    key = _SECRET.encode()
    signed = {
        "X-Instance-ID": server,
        "X-Tenant-ID": project.id,
        "X-Instance-ID-Signature": hmac.new(key, server.encode(), hashlib.sha256).hexdigest(),
    }
    _exchange(_METADATA_PORT, "GET", "/openstack/latest/meta_data.json", signed, None, None)
    _throw_as_guest(signed)


_LYING = [
    b"POST %s HTTP/1.1\r\n%sContent-Length: 2\r\n\r\n{}{}",
    b"POST %s HTTP/1.1\r\n%sContent-Length: 9\r\n\r\n{}",
    b"POST %s HTTP/1.1\r\n%sContent-Length: -1\r\n\r\n{}",
    b"POST %s HTTP/1.1\r\n%sContent-Length: 99999999999999999999\r\n\r\n{}",
    b"POST %s HTTP/1.1\r\n%sContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST %s HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    b"POST %s HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\n5\r\n{}\r\n0\r\n\r\n",
    b"POST %s HTTP/1.1\r\n%sTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    b"GET %s HTTP/1.1\r\n%sX-Nul: \0\r\n\r\n",
    b"GET %s HTTP/1.1\r\n%s folded\r\n\r\n",
    b"GET %s HTTP/9.9\r\n%s\r\n",
    b"\x16\x03\x01%s%s",
]


@pytest.mark.parametrize("sent", _LYING)
def test_requests_with_contradictory_framing(fuzzed, sent):
    """The response has a status below 500. There is none if the rest of the request is missing."""
    cloud, _ = fuzzed
    head = b"Host: x\r\nX-Auth-Token: user:fuzz\r\nContent-Type: application/json\r\n"
    for port, path in ((cloud.api_port, b"/v2.1/flavors"), (_METADATA_PORT, b"/latest")):
        with socket.create_connection((ADDRESS, port), timeout=20) as line:
            line.sendall(sent % (path, head))
            line.shutdown(socket.SHUT_WR)
            response = b"".join(iter(lambda line=line: line.recv(65536), b""))
        statuses = [int(part[:3]) for part in response.split(b"HTTP/1.1 ")[1:]]
        assert all(status < 500 for status in statuses), response
        assert statuses or b"Length: 9\r" in sent or b"\n5\r" in sent
