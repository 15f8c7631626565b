"""The keystone pipeline with keystonemiddleware itself and a Keystone of HTTP answers."""

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
    """Hands out a token for us and knows those of ``server.tokens``."""

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
                "id": "v3.14", "status": "stable", "links": [{"rel": "self", "href": url}],
                "updated": "2020-04-07T00:00:00Z",
            }  # fmt: skip
            return self._send(300, {"versions": {"values": [version]}})
        self.server.asked.append(self.headers["X-Subject-Token"])
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
    server.asked = []
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
        "auth_type": "password", "auth_url": url, "username": "nova", "password": "ours",
        "project_name": "service", "user_domain_name": "Default",
        "project_domain_name": "Default", "www_authenticate_uri": url,
    }  # fmt: skip
    loading.register_auth_conf_options(CONF, _GROUP)
    CONF.register_opts(loading.get_auth_plugin_conf_options("password"), group=_GROUP)
    for name, value in values.items():
        CONF.set_override(name, value, group=_GROUP)
    CONF.set_override("api_paste_config", str(_PASTE), group="wsgi")
    keystone.asked.clear()
    yield ApiClient(wsgi_app.load("osapi_compute"))
    CONF.clear_override("api_paste_config", group="wsgi")
    # The options of [keystone_authtoken] stay: some are required once they are known.


def test_a_members_token(cloud, keystone):
    body = {"keypair": {"name": "mine"}}
    answer = cloud.post("/os-keypairs", body, token="of-member", version="2.2")
    assert answer.status_int == 201
    assert answer.json["keypair"]["user_id"] == "ann"
    assert cloud.get("/os-quota-sets/red", token="of-member").status_int == 200
    assert cloud.get("/os-quota-sets/blue", token="of-member").status_int == 403
    assert keystone.asked == ["of-member"], "a token is asked for once, then remembered"


def test_a_token_that_was_just_verified_is_looked_up_nowhere(cloud, monkeypatch):
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


def test_a_token_ends_while_it_is_remembered(cloud, keystone):
    keystone.tokens["short"] = _token("ann", "red", "reader", seconds=1)
    assert cloud.get("/servers", token="short").status_int == 200
    time.sleep(1)
    assert cloud.get("/servers", token="short").status_int == 401
    assert keystone.asked == ["short"]


def test_tokens_that_are_not_to_be_remembered(keystone, cloud):
    CONF.set_override("token_cache_time", -1, group=_GROUP)
    try:
        forgetful = ApiClient(wsgi_app.load("osapi_compute"))
    finally:
        CONF.clear_override("token_cache_time", group=_GROUP)
    for _ in range(2):
        assert forgetful.get("/servers", token="of-member").status_int == 200
    assert keystone.asked == ["of-member"] * 2


def test_an_administrators_token(cloud):
    assert cloud.get("/os-services", token="of-admin").status_int == 200
    assert cloud.get("/os-services", token="of-member").status_int == 403


def test_a_readers_token(cloud):
    assert cloud.get("/servers", token="of-reader").status_int == 200
    body = {"server": {"name": "x", "flavorRef": "1", "imageRef": "1", "networks": "none"}}
    answer = cloud.post("/servers", body, token="of-reader", version="2.96")
    assert answer.status_int in (400, 403)


def test_a_services_token_may_send_events(cloud):
    events = {"events": [{"name": "network-changed", "server_uuid": "0" * 32}]}
    path = "/os-server-external-events"
    assert cloud.post(path, events, token="of-neutron").status_int == 207
    assert cloud.post(path, events, token="of-member").status_int == 403


@pytest.mark.parametrize("token", [None, "unknown", "x" * 5000, "ünï"])
def test_no_token_or_a_bad_one(cloud, token):
    headers = {} if token is None else {"X-Auth-Token": token.encode().decode("latin-1")}
    answer = cloud.get("/servers", token=None, headers=headers)
    assert answer.status_int == 401
    assert answer.json["error"]["code"] == 401  # as keystonemiddleware has it
    assert answer.headers["WWW-Authenticate"].startswith("Keystone uri=")


def test_a_token_of_no_project(cloud):
    answer = cloud.get("/servers", token="unscoped")
    assert answer.status_int == 403
    assert "project" in answer.json["forbidden"]["message"]


def test_nobody_says_himself_who_he_is(cloud):
    forged = {
        "X-User-Id": "root", "X-Project-Id": "blue", "X-Roles": "admin",
        "X-Identity-Status": "Confirmed",
    }  # fmt: skip
    assert cloud.get("/os-services", token=None, headers=forged).status_int == 401
    assert cloud.get("/os-services", token="of-member", headers=forged).status_int == 403


def test_discovery_needs_no_token(cloud, keystone):
    assert cloud.get("/", token=None).status_int == 200
    assert cloud.get("//", token=None).status_int == 200
    assert keystone.asked == []
