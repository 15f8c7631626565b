"""The metadata service over HTTP."""

import hashlib
import hmac
import io
import json
import logging
import pathlib

import pytest
import webob

from nova_mini import db
from nova_mini.api import wsgi_app
from nova_mini.clock import utcnow
from tests.unit import rest_server
from tests.unit.metadata.conftest import USER_DATA
from tests.unit.network.stub_neutron import StubNeutron

SECRET = "between-us"
PASTE = pathlib.Path(__file__).parents[3] / "etc" / "nova-mini" / "api-paste.ini"


@pytest.fixture
def app(database, instance, override):
    override("service_metadata_proxy", True, "neutron")
    override("metadata_proxy_shared_secret", SECRET, "neutron")
    override("api_paste_config", str(PASTE), "wsgi")
    row = {
        **instance.columns(),
        "uuid": instance.uuid,
        "user_id": "u1",
        "created_at": utcnow(),
        "memory_mb": 96,
        "vcpus": 1,
        "root_gb": 1,
        "ephemeral_gb": 0,
        "vm_state": "active",
    }
    db.instances.create_many([row])
    return wsgi_app.load("metadata")


def sign(uuid, secret=SECRET):
    return hmac.new(secret.encode(), uuid.encode(), hashlib.sha256).hexdigest()


@pytest.fixture
def ask(app, instance):
    def ask(path, method="GET", body=b"", process=app, **headers):
        uuid = headers.get("uuid", instance.uuid)
        sent = {
            "X-Instance-ID": uuid,
            "X-Tenant-ID": headers.get("project", "p1"),
            "X-Instance-ID-Signature": headers.get("signature", sign(uuid)),
            "X-Forwarded-For": headers.get("forwarded", "::ffff:10.0.0.5"),
        }
        req = webob.Request.blank(path, method=method, body=body)
        req.headers.update({name: value for name, value in sent.items() if value is not None})
        return req.get_response(process)

    return ask


def test_guest_reads_its_metadata(ask, instance):
    response = ask("/openstack/latest/meta_data.json")
    assert (response.status_int, response.content_type) == (200, "application/json")
    assert json.loads(response.body)["uuid"] == instance.uuid
    assert ask("/latest/user-data").body == USER_DATA
    assert ask("/latest/meta-data/public-keys/").body == b"0=mykey"
    assert ask("/latest/meta-data/local-ipv4").text == "10.0.0.5"
    assert ask("/healthcheck").status_int == 200


def test_list_of_versions_needs_no_server(ask):
    response = ask("/", uuid="unknown", signature="")
    assert response.status_int == 200 and response.text.endswith("2009-04-04\nlatest")


def test_unknown_path_is_404(ask):
    assert ask("/latest/meta-data/nope").status_int == 404
    assert ask("/openstack/latest/../../etc/passwd").status_int == 404


def test_wrong_signature_is_403(ask, instance, override):
    for signature in ("", "0" * 64, sign(instance.uuid, "other"), "\u00e9" * 4):
        assert ask("/latest/user-data", signature=signature).status_int == 403
    assert ask("/latest/user-data", signature=None).status_int == 403
    override("metadata_proxy_shared_secret", "", "neutron")
    assert ask("/latest/user-data", signature=sign(instance.uuid, "")).status_int == 403


def test_missing_or_duplicate_headers_are_400(ask, instance):
    twice = f"{instance.uuid}, {instance.uuid}"
    assert ask("/latest/user-data", uuid=twice).status_int == 400
    assert ask("/latest/user-data", project=None).status_int == 400
    assert ask("/latest/user-data", uuid="no-uuid").status_int == 400


def test_another_project_and_an_unknown_server_are_404(ask):
    assert ask("/latest/user-data", project="p2").status_int == 404
    unknown = "bbbbbbbb-0000-4000-8000-00000000000b"
    assert ask("/latest/user-data", uuid=unknown).status_int == 404


def test_password_can_be_set_once(ask):
    path = "/openstack/latest/password"
    assert ask(path).body == b""
    assert ask(path, "POST", b"x" * 1021).status_int == 400
    assert ask(path, "POST", b"\xff\xfe").status_int == 400
    secret = "p" * 600
    assert ask(path, "POST", secret.encode()).status_int == 200
    assert ask(path).text == secret
    assert ask(path, "POST", b"other").status_int == 409
    assert ask("/openstack/2012-08-10/password", "POST", b"x").status_int == 405
    assert ask("/latest/user-data", "DELETE").status_int == 405


def test_a_password_is_shown_by_another_process_of_the_api(ask):
    other = wsgi_app.load("metadata")
    path = "/openstack/latest/password"
    assert ask("/latest/user-data", process=other).body == USER_DATA  # it has a copy then
    assert ask(path, "POST", b"cipher-text").status_int == 200
    assert ask(path, process=other).text == "cipher-text"


def test_secrets_are_not_logged(ask, instance, caplog):
    caplog.set_level(logging.DEBUG)
    ask("/openstack/latest/password", "POST", b"cipher-text")
    ask("/latest/user-data", signature=sign(instance.uuid)[:-1] + "0")
    ask("/latest/user-data", project="p2")
    for secret in (SECRET, sign(instance.uuid), "cipher-text", "echo hello"):
        assert secret not in caplog.text


def test_server_is_found_by_address_without_proxy(app, instance, override):
    stub = StubNeutron()
    port = stub.add_port(stub.add_network(), device_id=instance.uuid, device_owner="compute:az1")
    address = port["fixed_ips"][0]["ip_address"]

    def ask(remote):
        req = webob.Request.blank("/latest/meta-data/instance-id", remote_addr=remote)
        return req.get_response(app)

    with rest_server.serving("neutron", stub.respond):
        override("service_metadata_proxy", False, "neutron")
        assert ask(f"::ffff:{address}").text == "i-00000001"
        assert ask("10.9.9.9").status_int == 404
        stub.ports["twin"] = {
            "device_id": "another",
            "device_owner": "compute:az1",
            "fixed_ips": [{"ip_address": address}],
        }
        assert ask(address).status_int == 404
        stub.faults = [("GET", (503, "x"))]
        override("http_retries", 0, "neutron")
        assert ask(address).status_int == 503


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "BREW"])
@pytest.mark.parametrize("path", ["/%ff%fe", "/openstack/%ff/password", "/latest/%C3"])
def test_path_that_is_not_utf8_is_400(ask, path, method):
    assert ask(path, method).status_int == 400


@pytest.mark.parametrize("body", [b"a\0b", b"\xff\xfe", b"x" * 1021])
def test_invalid_password_is_400(ask, body):
    assert ask("/openstack/latest/password", "POST", body).status_int == 400


def test_chunked_password(app, instance):
    """Not more is read than the maximum size of a password."""
    sent = io.BytesIO(b"x" * 1_000_000)
    req = webob.Request.blank("/openstack/latest/password", method="POST")
    req.headers.update(
        {
            "X-Instance-ID": instance.uuid,
            "X-Tenant-ID": "p1",
            "X-Instance-ID-Signature": sign(instance.uuid),
        }
    )
    req.environ |= {"wsgi.input": sent, "wsgi.input_terminated": True}
    assert req.get_response(app).status_int == 400
    assert sent.tell() < 2000


@pytest.mark.parametrize("name", ["uuid", "project", "signature", "forwarded"])
def test_headers_that_are_not_ascii_are_refused(ask, name):
    assert 400 <= ask("/latest", **{name: "\xff\xfe"}).status_int < 500 or name == "forwarded"
