"""Keys are read from the key manager as the user, then as the service; castellan's real backends
read them, from a stand-in of Barbican's and Keystone's REST API."""

import pytest

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.keymgr import conf_key_mgr
from tests.unit import rest_server
from tests.unit.keymgr.conftest import SERVICE, USER

KEY_ID = "6b0e3c1a-0000-4000-8000-000000000001"
KEY = bytes(range(32))


class Cloud:
    """Keystone and Barbican. ``allowed``: tokens that may read the key."""

    def __init__(self):
        self.url = ""
        self.allowed = {USER}
        self.tokens = []
        self.silent = self.breaks = False

    def respond(self, method, path, query, headers, body):
        if path == "/v3":
            link = {"rel": "self", "href": f"{self.url}/v3"}
            return 200, {"version": {"id": "v3.14", "status": "stable", "links": [link]}}
        if path == "/v3/auth/tokens":
            return self._log_in()
        if self.silent:
            return rest_server.HANG_UP
        if path in ("/", ""):
            link = {"rel": "self", "href": f"{self.url}/v1/"}
            versions = {"min_version": "1.0", "max_version": "1.1"}
            return 200, {
                "versions": [{"id": "v1", "status": "CURRENT", "links": [link], **versions}]
            }
        if self.breaks:
            return rest_server.HANG_UP
        self.tokens.append(headers.get("X-Auth-Token"))
        if self.tokens[-1] not in self.allowed:
            return 403, {"title": "Forbidden", "description": "Secret retrieval not allowed"}
        if path == f"/v1/secrets/{KEY_ID}/payload":
            return 200, KEY
        if path == f"/v1/secrets/{KEY_ID}":
            return 200, self._secret()
        return 404, {"title": "Not Found"}

    def _secret(self):
        return {
            "secret_ref": f"{self.url}/v1/secrets/{KEY_ID}",
            "name": "volume",
            "secret_type": "symmetric",
            "algorithm": "aes",
            "bit_length": 256,
            "mode": None,
            "status": "ACTIVE",
            "created": "2026-01-01T00:00:00",
            "updated": "2026-01-01T00:00:00",
            "expiration": None,
            "content_types": {"default": "application/octet-stream"},
            "creator_id": "user",
        }

    def _log_in(self):
        endpoint = {"interface": "public", "url": self.url, "region_id": "R", "region": "R"}
        catalog = [{"type": "key-manager", "name": "barbican", "endpoints": [endpoint]}]
        token = {
            "methods": ["password"],
            "user": {"id": "nova", "name": "nova", "domain": {"id": "default", "name": "D"}},
            "project": {"id": "service", "name": "service", "domain": {"id": "d", "name": "D"}},
            "roles": [{"id": "r", "name": "service"}],
            "expires_at": "2999-01-01T00:00:00.000000Z",
            "issued_at": "2020-01-01T00:00:00.000000Z",
            "catalog": catalog,
        }
        return 201, {"token": token}


class WithToken(rest_server.Handler):
    def end_headers(self):
        self.send_header("X-Subject-Token", SERVICE)
        super().end_headers()


@pytest.fixture
def cloud():
    cloud = Cloud()
    with rest_server.running(cloud.respond, WithToken) as cloud.url:
        yield cloud


def test_the_users_token_reads_the_key(cloud, configured, user):
    assert configured().get(user, KEY_ID, "project") == KEY
    assert set(cloud.tokens) == {USER}


def test_work_without_a_token_reads_the_key_as_the_service(cloud, configured):
    cloud.allowed = {SERVICE}
    assert configured().get(get_admin_context(), KEY_ID, "project") == KEY
    assert set(cloud.tokens) == {SERVICE}


def test_an_administrator_of_another_project_reads_it_as_the_service(cloud, configured, user):
    cloud.allowed = {SERVICE}
    assert configured().get(user, KEY_ID, "another") == KEY
    assert cloud.tokens[0] == USER and cloud.tokens[-1] == SERVICE


def test_the_service_reads_no_key_for_a_user_who_may_not(cloud, configured, user):
    cloud.allowed = {SERVICE}
    with pytest.raises(exception.KeyNotAvailable):
        configured().get(user, KEY_ID, "project")
    assert cloud.tokens == [USER]


def test_a_key_that_neither_may_read(cloud, configured, user):
    cloud.allowed = set()
    with pytest.raises(exception.KeyNotAvailable, match=KEY_ID) as raised:
        configured().get(user, KEY_ID, "another")
    assert cloud.tokens == [USER, SERVICE]
    assert raised.value.internal.count("Forbidden") == 2


@pytest.mark.parametrize("silent", [True, False])
def test_a_key_manager_that_fails(cloud, configured, user, silent):
    cloud.silent = silent
    missing = "6b0e3c1a-0000-4000-8000-00000000dead"
    with pytest.raises(exception.KeyNotAvailable):
        configured().get(user, missing, "project")


def test_a_connection_that_breaks_after_the_login(cloud, configured, user):
    keys = configured()
    keys.get(user, KEY_ID, "project")
    cloud.breaks = True
    with pytest.raises(exception.KeyNotAvailable):
        keys.get(user, KEY_ID, "project")


@pytest.mark.parametrize("backend", ["no_such_backend", "nova_mini.keymgr.NoSuchClass"])
def test_a_backend_that_does_not_exist(configured, user, backend):
    with pytest.raises(exception.ConfigurationError, match=backend):
        configured(backend).get(user, KEY_ID, "project")


def test_a_session_of_castellan_has_a_timeout(cloud, configured, user, override, monkeypatch):
    """castellan itself sets none: a silent key manager would hold a thread for ever."""
    from keystoneauth1 import session

    keys, timeouts = configured(), []
    send = session.Session._send_request

    def record(self, *args, **kwargs):
        timeouts.append(kwargs.get("timeout"))
        return send(self, *args, **kwargs)

    monkeypatch.setattr(session.Session, "_send_request", record)
    override("timeout", 7, "cinder")
    keys.get(user, KEY_ID, "project")
    assert set(timeouts[-2:]) == {7}


def test_the_key_is_not_logged(configured, user, caplog):
    caplog.set_level("DEBUG", "castellan")
    caplog.set_level("DEBUG", "nova_mini")
    configured().get(user, KEY_ID, "project")
    assert KEY.hex() not in caplog.text and repr(KEY) not in caplog.text


# -- the key of the configuration ----------------------------------------------------------------

FIXED = "nova_mini.keymgr.conf_key_mgr.ConfKeyManager"


def test_a_fixed_key(configured, user):
    keys = configured(FIXED, f"fixed_key = {KEY.hex()}")
    assert keys.get(user, conf_key_mgr.KEY_ID, "project") == KEY
    with pytest.raises(exception.KeyNotAvailable):
        keys.get(user, KEY_ID, "project")


@pytest.mark.parametrize("more", ["", "fixed_key = 123", "fixed_key = secret"])
def test_a_fixed_key_that_is_none(configured, user, more):
    with pytest.raises(exception.KeyNotAvailable) as raised:
        configured(FIXED, more).get(user, conf_key_mgr.KEY_ID, "project")
    assert "hexadecimal digits" in raised.value.internal and "secret" not in raised.value.internal


def test_a_fixed_key_is_neither_created_nor_deleted(configured):
    from castellan.common import exception as castellan_exc

    configured(FIXED, f"fixed_key = {KEY.hex()}")
    manager = conf_key_mgr.ConfKeyManager(CONF)
    for call in (manager.create_key, manager.create_key_pair, manager.list):
        with pytest.raises(castellan_exc.KeyManagerError):
            call(None)
    for call in (manager.store, manager.delete, manager.add_consumer, manager.remove_consumer):
        with pytest.raises(castellan_exc.KeyManagerError):
            call(None, "key")
