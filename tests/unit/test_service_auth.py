"""Whose token goes to a neighbour, and where the neighbour is found, with a Keystone of answers."""

import socket

import pytest
from keystoneauth1 import exceptions, loading
from urllib3.connection import HTTPConnection

from nova_mini import context, exception, service_auth, trace
from nova_mini.conf import CONF
from tests.unit import rest_server

CONFIG = """
[glance]
auth_type = password
auth_url = {glance_logs_in_at}/v3
username = nova
password = secret
project_name = service
user_domain_id = default
project_domain_id = default
[neutron]
endpoint_override = http://127.0.0.1:1/networking
[service_user]
send_service_user_token = {send}
auth_type = password
auth_url = {url}/v3
username = {vouches}
password = secret
project_name = service
user_domain_id = default
project_domain_id = default
"""


class Keystone:
    def __init__(self):
        self.logins = 0
        self.seen = []
        self.url = None

    def respond(self, method, path, query, headers, body):
        if path == "/v3":
            link = {"rel": "self", "href": f"{self.url}/v3"}
            return 200, {"version": {"id": "v3.14", "status": "stable", "links": [link]}}
        if path == "/v3/auth/tokens":
            self.logins += 1
            return self._token()
        self.seen.append((path, headers))
        return 200, {}

    def _token(self):
        endpoints = [
            {"interface": name, "url": f"{self.url}/{name}", "region_id": "R", "region": "R"}
            for name in ("public", "internal")
        ]
        catalog = [{"type": "image", "name": "glance", "endpoints": endpoints}]
        token = {
            "methods": ["password"], "issued_at": "2026-01-01T00:00:00.000000Z",
            "expires_at": "2099-01-01T00:00:00.000000Z", "catalog": catalog,
            "user": {"id": "u", "name": "nova", "domain": {"id": "default", "name": "d"}},
            "project": {"id": "p", "name": "service", "domain": {"id": "default", "name": "d"}},
            "roles": [],
        }  # fmt: skip
        return 201, {"token": token}


class TokenHandler(rest_server.Handler):
    """Keystone says the token in a header."""

    def send_header(self, name, value):
        if name == "Content-Type":
            super().send_header("X-Subject-Token", "our-token")
        super().send_header(name, value)


@pytest.fixture
def keystone():
    stub = Keystone()
    with rest_server.running(stub.respond, TokenHandler) as stub.url:
        yield stub


@pytest.fixture
def configure(keystone, tmp_path):
    def configure(send=True, vouches="nova", glance_logs_in_at=keystone.url):
        path = tmp_path / "nova-mini.conf"
        path.write_text(
            CONFIG.format(
                url=keystone.url,
                send=send,
                vouches=vouches,
                glance_logs_in_at=glance_logs_in_at,
            )
        )
        CONF(["--config-file", str(path)], project="nova-mini")
        service_auth.reset()

    yield configure
    service_auth.reset()
    CONF.clear()
    for group in ("glance", "service_user"):  # what loading the plugin has registered
        CONF.unregister_opts(loading.get_auth_plugin_conf_options("password"), group=group)
    CONF([], project="nova-mini", default_config_files=[])


def user():
    return context.RequestContext(auth_token="users-token", overwrite=False)


def test_the_users_token_goes_with_ours_to_the_endpoint_of_our_catalog(keystone, configure):
    configure()
    for _ in range(3):
        service_auth.get_adapter(user(), "glance").get("/v2/images")
    path, headers = keystone.seen[-1]
    assert path == "/internal/v2/images"
    assert (headers["X-Auth-Token"], headers["X-Service-Token"]) == ("users-token", "our-token")
    assert headers["X-OpenStack-Request-ID"].startswith("req-")
    assert keystone.logins == 1  # the same credentials in both sections, and for all requests


def test_each_request_is_in_the_history_of_what_it_is_made_for(keystone, configure):
    configure(send=False)
    client = service_auth.get_adapter(user(), "glance")
    client.get("/v2/images/1")
    with trace.collecting() as steps:
        client.get("/v2/images/2?status=active")
    [[name, start, finish]] = steps
    assert name == "request to glance: GET /v2/images/2" and start < finish


def test_one_that_is_not_answered_is_not(keystone, configure):
    configure()
    with trace.collecting() as steps, pytest.raises(exceptions.ClientException):
        service_auth.get_adapter(user(), "neutron").get("/v2.0/ports", connect_retries=0)
    assert [name.rpartition(" ")[2] for name, *_ in steps] == ["/v3", "/v3/auth/tokens"]


def test_other_credentials_are_another_login(keystone, configure):
    configure(vouches="somebody")
    for _ in range(3):
        service_auth.get_adapter(user(), "glance").get("/v2/images")
    assert keystone.logins == 2


def test_without_service_user_the_users_token_goes_alone(keystone, configure):
    configure(send=False)
    service_auth.get_adapter(user(), "glance").get("/v2/images")
    headers = keystone.seen[-1][1]
    assert headers["X-Auth-Token"] == "users-token" and "X-Service-Token" not in headers


def test_work_that_nobody_asked_for_is_done_as_ourselves(keystone, configure):
    configure()
    service_auth.get_adapter(context.get_admin_context(), "glance").get("/v2/images")
    assert keystone.seen[-1][1]["X-Auth-Token"] == "our-token"
    service_auth.get_adapter(user(), "glance", as_service=True).get("/v2/images")
    assert keystone.seen[-1][1]["X-Auth-Token"] == "our-token"


def test_a_token_of_noauth2_is_shown_to_nobody(keystone, configure):
    configure()
    CONF.set_override("auth_strategy", "noauth2", group="api")
    try:
        service_auth.get_adapter(user(), "glance").get("/v2/images")
        assert keystone.seen[-1][1]["X-Auth-Token"] == "our-token"
    finally:
        CONF.clear_override("auth_strategy", group="api")


def test_a_neighbour_without_keystone_needs_only_its_address(configure):
    configure()
    adapter = service_auth.get_adapter(context.get_admin_context(), "neutron")
    assert adapter.get_endpoint() == "http://127.0.0.1:1/networking"
    assert adapter.get_token() == "notused"


def test_who_has_logged_in_before_asks_for_nothing_but_what_is_wanted(keystone, configure):
    configure()
    service_auth.log_in()
    before = len(keystone.seen)
    service_auth.get_adapter(user(), "glance").get("/v2/images")
    assert [path for path, _ in keystone.seen[before:]] == ["/internal/v2/images"]
    assert keystone.logins == 1


def test_no_connection_stays_of_a_login(keystone, configure, monkeypatch):
    """Who logs in may fork, and two processes must not write to one connection."""
    opened = []
    connect = HTTPConnection.connect
    monkeypatch.setattr(HTTPConnection, "connect", lambda own: opened.append(own) or connect(own))
    configure()
    service_auth.log_in()
    assert opened and all(connection.sock is None for connection in opened)


def test_who_does_not_answer_is_asked_once(keystone, configure, monkeypatch):
    asked, log_in = [], service_auth._log_in
    monkeypatch.setattr(
        service_auth, "_log_in", lambda group, login: asked.append(group) or log_in(group, login)
    )
    monkeypatch.setattr(service_auth, "_LOGIN_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        keystone.url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        configure(glance_logs_in_at=keystone.url)
        service_auth.log_in()
    assert asked == ["glance"]  # for [service_user] it would be the same question


def test_nobody_has_to_be_there_to_log_in(keystone, configure):
    configure(glance_logs_in_at="http://127.0.0.1:1")
    service_auth.log_in()
    assert keystone.logins == 1  # that of the other section


def test_who_is_not_configured_is_said():
    CONF([], project="nova-mini", default_config_files=[])
    service_auth.reset()
    assert not service_auth.is_configured("glance")
    with pytest.raises(exception.ConfigurationError, match=r"\[glance\]"):
        service_auth.get_adapter(user(), "glance")
