"""The pipeline ``keystone`` with keystonemiddleware and an HTTP server that stands for Keystone."""

from __future__ import annotations

import datetime
import json
import pathlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from keystoneauth1 import loading
from keystonemiddleware import auth_token

from nova_mini.api import wsgi_app
from nova_mini.conf import CONF
from tests.unit.conftest import ApiClient

_GROUP = "keystone_authtoken"
_PASTE = pathlib.Path(__file__).parents[4] / "etc" / "nova-mini" / "api-paste.ini"


def _token(user_id: str, project_id: str | None, *roles: str, seconds: int = 3600) -> dict:
    expires = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    token = {
        "methods": ["password"],
        "user": {"id": user_id, "name": user_id, "domain": {"id": "default", "name": "Default"}},
        "roles": [{"id": role, "name": role} for role in roles],
        "expires_at": expires.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "issued_at": "2026-01-01T00:00:00.000000Z",
        "audit_ids": ["x"],
    }
    if project_id:
        domain = {"id": "default", "name": "Default"}
        token["project"] = {"id": project_id, "name": project_id, "domain": domain}
    return {"token": token}


class _Keystone(BaseHTTPRequestHandler):
    """Issues a service token, and verifies the tokens in ``server.tokens``."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        token = _token("nova", "service", "service")
        url = f"http://{self.headers['Host']}"
        endpoint = {"id": "1", "interface": "internal", "url": url, "region": "RegionOne"}
        service = {"id": "1", "type": "identity", "name": "keystone", "endpoints": [endpoint]}
        token["token"]["catalog"] = [service]
        self._send(201, token, {"X-Subject-Token": "ours"})

    def do_GET(self):
        if not self.path.startswith("/v3/auth/tokens"):
            url = f"http://{self.headers['Host']}/v3/"
            version = {
                "id": "v3.14",
                "status": "stable",
                "links": [{"rel": "self", "href": url}],
                "updated": "2020-04-07T00:00:00Z",
            }
            return self._send(300, {"versions": {"values": [version]}})
        self.server.verified_tokens.append(self.headers["X-Subject-Token"])
        self.server.paths.append(self.path)
        token = self.server.tokens.get(self.headers["X-Subject-Token"])
        return self._send(*((200, token) if token else (404, {"error": {"code": 404}})))

    def _send(self, status, body, headers=()):
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def keystone():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Keystone)
    server.daemon_threads = True
    server.verified_tokens, server.paths = [], []
    server.tokens = {
        "of-member": _token("ann", "red", "member", "reader"),
        "of-reader": _token("rob", "red", "reader"),
        "of-admin": _token("root", "blue", "admin", "member", "reader"),
        "of-neutron": _token("neutron", "service", "service"),
        "unscoped": _token("ann", None),
    }
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def cloud(database, keystone):
    url = f"http://127.0.0.1:{keystone.server_port}"
    values = {
        "auth_type": "password",
        "auth_url": url,
        "username": "nova",
        "password": "ours",
        "project_name": "service",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
        "www_authenticate_uri": url,
    }
    loading.register_auth_conf_options(CONF, _GROUP)
    CONF.register_opts(loading.get_auth_plugin_conf_options("password"), group=_GROUP)
    for name, value in values.items():
        CONF.set_override(name, value, group=_GROUP)
    CONF.set_override("api_paste_config", str(_PASTE), group="wsgi")
    keystone.verified_tokens.clear()
    keystone.paths.clear()
    yield ApiClient(wsgi_app.load("osapi_compute"))
    CONF.clear_override("api_paste_config", group="wsgi")
    # The options of [keystone_authtoken] stay: some are required once they are known.


def test_member_token_gets_member_context(cloud, keystone):
    body = {"keypair": {"name": "mine"}}
    response = cloud.post("/os-keypairs", body, token="of-member", version="2.2")
    assert response.status_int == 201
    assert response.json["keypair"]["user_id"] == "ann"
    assert cloud.get("/os-quota-sets/red", token="of-member").status_int == 200
    assert cloud.get("/os-quota-sets/blue", token="of-member").status_int == 403
    assert keystone.verified_tokens == ["of-member"], "a token is verified once, then cached"


def test_token_is_verified_with_its_catalog(cloud, keystone):
    """Other services read the token from the same memcached, and Cinder needs its catalog."""
    assert cloud.get("/servers", token="of-member").status_int == 200
    assert keystone.paths == ["/v3/auth/tokens"]


def test_verified_token_is_cached_in_the_process(cloud, monkeypatch):
    looked_up = []
    look_up = auth_token.AuthProtocol.fetch_token

    def count(self, token, **how):
        looked_up.append(token)
        return look_up(self, token, **how)

    monkeypatch.setattr(auth_token.AuthProtocol, "fetch_token", count)
    for token in ("of-member", "of-admin", "of-member"):
        assert cloud.get("/servers", token=token).status_int == 200
    for _ in range(2):
        assert cloud.get("/servers", token="unknown").status_int == 401
    assert looked_up == ["of-member", "of-admin", "unknown", "unknown"]


def test_cached_token_expires(cloud, keystone):
    keystone.tokens["short"] = _token("ann", "red", "reader", seconds=1)
    assert cloud.get("/servers", token="short").status_int == 200
    time.sleep(1)
    assert cloud.get("/servers", token="short").status_int == 401
    assert keystone.verified_tokens == ["short"]


def test_revoked_token_is_refused_within_ten_seconds_by_default(cloud):
    """It may be read from memcached just before it expires there, and is cached again as long."""
    assert 2 * CONF.keystone_authtoken.token_cache_time <= 10


def test_revoked_token_is_verified_again_after_cache_time(keystone, cloud):
    CONF.set_override("token_cache_time", 1, group=_GROUP)
    try:
        quick = ApiClient(wsgi_app.load("osapi_compute"))
    finally:
        CONF.clear_override("token_cache_time", group=_GROUP)
    keystone.tokens["revoked"] = _token("ann", "red", "reader")
    assert quick.get("/servers", token="revoked").status_int == 200
    del keystone.tokens["revoked"]
    time.sleep(2.1)
    assert quick.get("/servers", token="revoked").status_int == 401


def test_tokens_are_not_cached_without_cache_time(keystone, cloud):
    CONF.set_override("token_cache_time", -1, group=_GROUP)
    try:
        without_cache = ApiClient(wsgi_app.load("osapi_compute"))
    finally:
        CONF.clear_override("token_cache_time", group=_GROUP)
    for _ in range(2):
        assert without_cache.get("/servers", token="of-member").status_int == 200
    assert keystone.verified_tokens == ["of-member"] * 2


def test_admin_token_gets_admin_context(cloud):
    assert cloud.get("/os-services", token="of-admin").status_int == 200
    assert cloud.get("/os-services", token="of-member").status_int == 403


def test_reader_token_cannot_create(cloud):
    assert cloud.get("/servers", token="of-reader").status_int == 200
    image = "6f2c2a86-4a33-4b5e-8d0a-1f0a3a9c0b11"
    body = {"server": {"name": "x", "flavorRef": "1", "imageRef": image, "networks": "none"}}
    response = cloud.post("/servers", body, token="of-reader", version="2.96")
    assert response.status_int == 403


def test_service_token_may_send_events(cloud):
    events = {"events": [{"name": "network-changed", "server_uuid": "0" * 32}]}
    path = "/os-server-external-events"
    assert cloud.post(path, events, token="of-neutron").status_int == 207
    assert cloud.post(path, events, token="of-member").status_int == 403


@pytest.mark.parametrize("token", [None, "unknown", "x" * 5000, "ünï"])
def test_missing_or_invalid_token_is_401(cloud, token):
    headers = {} if token is None else {"X-Auth-Token": token.encode().decode("latin-1")}
    response = cloud.get("/servers", token=None, headers=headers)
    assert response.status_int == 401
    assert response.json["error"]["code"] == 401  # as keystonemiddleware has it
    assert response.headers["WWW-Authenticate"].startswith("Keystone uri=")


def test_token_without_project_is_403(cloud):
    response = cloud.get("/servers", token="unscoped")
    assert response.status_int == 403
    assert "project" in response.json["forbidden"]["message"]


def test_identity_headers_of_the_client_are_ignored(cloud):
    forged = {
        "X-User-Id": "root",
        "X-Project-Id": "blue",
        "X-Roles": "admin",
        "X-Identity-Status": "Confirmed",
    }
    assert cloud.get("/os-services", token=None, headers=forged).status_int == 401
    assert cloud.get("/os-services", token="of-member", headers=forged).status_int == 403


def test_version_discovery_needs_no_token(cloud, keystone):
    assert cloud.get("/", token=None).status_int == 200
    assert cloud.get("//", token=None).status_int == 200
    assert keystone.verified_tokens == []
