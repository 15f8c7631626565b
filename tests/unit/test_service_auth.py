"""Which tokens requests to other services carry, and which endpoints they use."""

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
auth_url = {glance_auth_url}/v3
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
username = {service_user}
password = secret
project_name = service
user_domain_id = default
project_domain_id = default
"""


class Keystone:
    """The part of Keystone's REST API that a login needs."""

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
            "methods": ["password"],
            "issued_at": "2026-01-01T00:00:00.000000Z",
            "expires_at": "2099-01-01T00:00:00.000000Z",
            "catalog": catalog,
            "user": {"id": "u", "name": "nova", "domain": {"id": "default", "name": "d"}},
            "project": {"id": "p", "name": "service", "domain": {"id": "default", "name": "d"}},
            "roles": [],
        }
        return 201, {"token": token}


class TokenHandler(rest_server.Handler):
    """Adds the header with the token."""

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
    def configure(send=True, service_user="nova", glance_auth_url=keystone.url):
        path = tmp_path / "nova-mini.conf"
        path.write_text(
            CONFIG.format(
                url=keystone.url,
                send=send,
                service_user=service_user,
                glance_auth_url=glance_auth_url,
            )
        )
        CONF(["--config-file", str(path)], project="nova-mini")
        service_auth.reset()

    yield configure
    service_auth.reset()
    CONF.clear()
    for group in ("glance", "service_user"):  # registered when the plugin was loaded
        CONF.unregister_opts(loading.get_auth_plugin_conf_options("password"), group=group)
    CONF([], project="nova-mini", default_config_files=[])


def user():
    return context.RequestContext(auth_token="users-token", overwrite=False)


def test_a_request_has_the_users_and_a_service_token_and_the_services_catalog(keystone, configure):
    configure()
    for _ in range(3):
        service_auth.get_adapter(user(), "glance").get("/v2/images")
    path, headers = keystone.seen[-1]
    assert path == "/internal/v2/images"
    assert (headers["X-Auth-Token"], headers["X-Service-Token"]) == ("users-token", "our-token")
    assert headers["X-OpenStack-Request-ID"].startswith("req-")
    assert keystone.logins == 1  # the same credentials in both sections, and for all requests


def test_each_request_is_recorded_as_a_step(keystone, configure):
    configure(send=False)
    client = service_auth.get_adapter(user(), "glance")
    client.get("/v2/images/1")
    with trace.collecting() as steps:
        client.get("/v2/images/2?status=active")
    [[name, start, finish]] = steps
    assert name == "request to glance: GET /v2/images/2" and start < finish


def test_a_failed_request_is_not_recorded_as_a_step(keystone, configure):
    configure()
    with trace.collecting() as steps, pytest.raises(exceptions.ClientException):
        service_auth.get_adapter(user(), "neutron").get("/v2.0/ports", connect_retries=0)
    assert [name.rpartition(" ")[2] for name, *_ in steps] == ["/v3", "/v3/auth/tokens"]


def test_sections_with_different_credentials_log_in_separately(keystone, configure):
    configure(service_user="another")
    for _ in range(3):
        service_auth.get_adapter(user(), "glance").get("/v2/images")
    assert keystone.logins == 2


def test_without_service_user_there_is_no_service_token(keystone, configure):
    configure(send=False)
    service_auth.get_adapter(user(), "glance").get("/v2/images")
    headers = keystone.seen[-1][1]
    assert headers["X-Auth-Token"] == "users-token" and "X-Service-Token" not in headers


def test_a_request_without_a_user_uses_the_services_own_token(keystone, configure):
    configure()
    service_auth.get_adapter(context.get_admin_context(), "glance").get("/v2/images")
    assert keystone.seen[-1][1]["X-Auth-Token"] == "our-token"
    service_auth.get_adapter(user(), "glance", as_service=True).get("/v2/images")
    assert keystone.seen[-1][1]["X-Auth-Token"] == "our-token"


def test_a_token_of_noauth2_is_not_sent_to_other_services(keystone, configure):
    configure()
    CONF.set_override("auth_strategy", "noauth2", group="api")
    try:
        service_auth.get_adapter(user(), "glance").get("/v2/images")
        assert keystone.seen[-1][1]["X-Auth-Token"] == "our-token"
    finally:
        CONF.clear_override("auth_strategy", group="api")


def test_a_service_without_keystone_needs_only_an_endpoint_override(configure):
    configure()
    adapter = service_auth.get_adapter(context.get_admin_context(), "neutron")
    assert adapter.get_endpoint() == "http://127.0.0.1:1/networking"
    assert adapter.get_token() == "notused"


def test_after_log_in_a_request_needs_no_request_to_keystone(keystone, configure):
    configure()
    service_auth.log_in()
    before = len(keystone.seen)
    service_auth.get_adapter(user(), "glance").get("/v2/images")
    assert [path for path, _ in keystone.seen[before:]] == ["/internal/v2/images"]
    assert keystone.logins == 1


def test_log_in_closes_its_connections(keystone, configure, monkeypatch):
    """The process may fork afterwards, and two processes must not write to one connection."""
    opened = []
    connect = HTTPConnection.connect
    monkeypatch.setattr(HTTPConnection, "connect", lambda own: opened.append(own) or connect(own))
    configure()
    service_auth.log_in()
    assert opened and all(connection.sock is None for connection in opened)


def test_log_in_tries_credentials_once_when_keystone_does_not_answer(
    keystone, configure, monkeypatch
):
    groups, log_in = [], service_auth._log_in
    monkeypatch.setattr(
        service_auth, "_log_in", lambda group, login: groups.append(group) or log_in(group, login)
    )
    monkeypatch.setattr(service_auth, "_LOGIN_TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        keystone.url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        configure(glance_auth_url=keystone.url)
        service_auth.log_in()
    assert groups == ["glance"]  # [service_user] has the same credentials


def test_log_in_continues_after_a_section_that_fails(keystone, configure):
    configure(glance_auth_url="http://127.0.0.1:1")
    service_auth.log_in()
    assert keystone.logins == 1  # of [service_user]


def test_a_section_without_credentials_and_endpoint_is_an_error():
    CONF([], project="nova-mini", default_config_files=[])
    service_auth.reset()
    assert not service_auth.is_configured("glance")
    with pytest.raises(exception.ConfigurationError, match=r"\[glance\]"):
        service_auth.get_adapter(user(), "glance")
