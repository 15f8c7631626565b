"""Requests to the metadata service for the metadata of another server."""

from __future__ import annotations

import hashlib
import hmac
import http.client

import pytest

from tests.functional.attacks.conftest import NAME, SECRET, STRANGER, VICTIM, Site
from tests.functional.harness.network import ADDRESS

_PATH = "/openstack/latest/meta_data.json"


def _signed(server_id: str, project: str, secret: str = SECRET) -> dict[str, str]:
    """The headers in which Neutron's proxy names the server of a request."""
    signature = hmac.new(secret.encode(), server_id.encode(), hashlib.sha256).hexdigest()
    return {
        "X-Instance-ID": server_id,
        "X-Tenant-ID": project,
        "X-Instance-ID-Signature": signature,
        "X-Forwarded-For": "10.0.0.3",
    }


def _ask(site: Site, headers: dict, path: str = _PATH, method: str = "GET", body=None, **how):
    """(status, body). The path is sent unchanged; a library for HTTP would normalize it."""
    line = http.client.HTTPConnection(ADDRESS, site.metadata_port, timeout=20)
    try:
        line.request(method, path, body, headers, **how)
        response = line.getresponse()
        return response.status, response.read().decode("latin-1")
    finally:
        line.close()


def test_the_proxys_word_is_believed(site):
    """That the refusals below mean something."""
    status, text = _ask(site, _signed(site.known["server"], VICTIM))
    assert status == 200
    assert NAME in text


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"X-Instance-ID-Signature": "0" * 64}, 403),
        ({"X-Instance-ID-Signature": None}, 403),
        ({"X-Instance-ID-Signature": "\xe9"}, 403),
        (_signed("SERVER", VICTIM, secret="guessed"), 403),
        ({"X-Tenant-ID": STRANGER}, 404),
        ({"X-Tenant-ID": None}, 400),
        ({"X-Tenant-ID": f"{STRANGER},{VICTIM}"}, 400),
        ({"X-Instance-ID": None}, 400),
        ({"X-Instance-ID": "../../x"}, 403),
        ({"X-Instance-ID": "%s", "X-Forwarded-For": "127.0.0.1"}, 403),
    ],
)
def test_a_forged_word_is_refused(site, change, status):
    server = site.known["server"]
    headers = {**_signed(server, VICTIM), **change}
    sent = {
        key: value.replace("SERVER", server) for key, value in headers.items() if value is not None
    }
    response = _ask(site, sent)
    assert response[0] == status, response
    assert NAME not in response[1]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/openstack/latest/../../../etc/passwd", 404),
        ("/openstack/latest/%2e%2e/%2e%2e/etc/passwd", 404),
        ("/openstack/latest/meta_data.json%00", 404),
        ("/%ff%fe", 400),
        ("//etc/passwd", 404),
        ("/openstack/" + "a" * 3000, 404),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_path_leads_nowhere_else(site, path, status):
    response = _ask(site, _signed(site.known["server"], VICTIM), path)
    assert response[0] == status, response
    assert "root:" not in response[1]


@pytest.mark.parametrize("encode_chunked", [False, True])
def test_a_guest_sends_more_than_a_password(site, encode_chunked):
    """With a length and without one (chunked)."""
    body = iter([b"x" * 4096] * 64) if encode_chunked else b"x" * 4096 * 64
    headers = _signed(site.known["server"], VICTIM)
    if encode_chunked:
        headers["Transfer-Encoding"] = "chunked"
    status, text = _ask(
        site, headers, "/openstack/latest/password", "POST", body, encode_chunked=encode_chunked
    )
    assert status in {400, 411, 413}, text
    assert _ask(site, _signed(site.known["server"], VICTIM), "/openstack/latest/password") == (
        200,
        "",
    )
