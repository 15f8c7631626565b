"""Passphrases that the service makes; castellan's backend for Barbican makes them, in a stand-in of
Barbican's and Keystone's REST API."""

import base64
import json
import uuid

import pytest

from nova_mini import exception
from nova_mini.context import get_admin_context
from nova_mini.keymgr.passphrases import Passphrase, Passphrases
from tests.unit import rest_server
from tests.unit.keymgr.conftest import SERVICE, USER
from tests.unit.keymgr.test_keys import Cloud, WithToken

NAME = "vTPM secret for instance 42"


class Barbican(Cloud):
    """``secrets``: id -> record. A token sees those that it has made; the service may read and
    delete all. ``fails``: an HTTP status that it answers."""

    def __init__(self):
        super().__init__()
        self.allowed = {USER, SERVICE}
        self.secrets = {}
        self.fails = None
        self.refused = 0

    def respond(self, method, path, query, headers, body):
        token = headers.get("X-Auth-Token")
        if path.startswith("/v1/secrets") and self.fails:
            return self.fails, {"title": "no"}
        if path.rstrip("/") == "/v1/secrets" and token in self.allowed:
            return self._store(token, body) if method == "POST" else self._list(token, query)
        if path.startswith("/v1/secrets/") and token in self.allowed:
            return self._one(method, token, path.split("/")[3], path.endswith("/payload"))
        return super().respond(method, path, query, headers, body)

    def _store(self, token, body):
        record = json.loads(body)
        key_id = str(uuid.uuid4())
        content = base64.b64decode(record["payload"])
        self.secrets[key_id] = {"name": record["name"], "content": content, "token": token}
        return 201, {"secret_ref": f"{self.url}/v1/secrets/{key_id}"}

    def _list(self, token, query):
        found = [
            self._describe(key_id)
            for key_id, each in self.secrets.items()
            if each["token"] == token and each["name"] in query.get("name", [each["name"]])
        ]
        return 200, {"secrets": found[:10], "total": len(found)}

    def _one(self, method, token, key_id, is_payload):
        found = self.secrets.get(key_id)
        if found is None:
            return 404, {"title": "Not Found"}
        if token not in (found["token"], SERVICE):
            self.refused += 1
            return 403, {"title": "Forbidden"}
        if method == "DELETE":
            del self.secrets[key_id]
            return 204, None
        return 200, found["content"] if is_payload else self._describe(key_id)

    def _describe(self, key_id):
        return {
            **self._secret(),
            "secret_ref": f"{self.url}/v1/secrets/{key_id}",
            "name": self.secrets[key_id]["name"],
            "secret_type": "passphrase",
            "algorithm": None,
            "bit_length": None,
        }


class Handler(WithToken):
    def send_header(self, name, value):
        is_payload = self.command == "GET" and self.path.endswith("/payload")
        if name == "Content-Type" and is_payload:
            value = "application/octet-stream"
        super().send_header(name, value)


@pytest.fixture
def cloud():
    cloud = Barbican()
    with rest_server.running(cloud.respond, Handler) as cloud.url:
        yield cloud


@pytest.fixture
def passphrases(configured):
    return Passphrases(configured())


def test_a_passphrase_belongs_to_the_user(cloud, passphrases, user):
    made = passphrases.ensure(user, "project", NAME)
    ((key_id, record),) = cloud.secrets.items()
    assert made == Passphrase(key_id) and record["name"] == NAME and record["token"] == USER
    assert passphrases.get(user, made, "project") == record["content"]
    assert len(record["content"]) == 64


def test_an_attempt_that_died_before_it_recorded_the_id(cloud, passphrases, user):
    """castellan's own list has only the first ten secrets of a project."""
    for number in range(12):
        passphrases.ensure(user, "project", f"another {number}")
    first = passphrases.ensure(user, "project", NAME)
    assert passphrases.ensure(user, "project", NAME) == first
    assert len(cloud.secrets) == 13


@pytest.mark.parametrize("project", [None, "another"])
def test_without_a_token_of_the_project_it_is_the_services(cloud, passphrases, user, project):
    context = user if project else get_admin_context()
    made = passphrases.ensure(context, project or "project", NAME)
    ((key_id, record),) = cloud.secrets.items()
    assert made == Passphrase(key_id, is_of_service=True) and record["token"] == SERVICE
    # The service reads it also for the user, who may not.
    assert passphrases.get(user, made, "project") == record["content"]


def test_all_with_the_name_are_deleted(cloud, passphrases, user):
    known = passphrases.ensure(user, "project", NAME)
    passphrases.ensure(get_admin_context(), "project", NAME)
    other = passphrases.ensure(user, "project", "another")
    for _ in range(2):
        passphrases.delete(user, "project", NAME, known)
        assert list(cloud.secrets) == [other.id]


def test_the_user_does_not_try_to_delete_that_of_the_service(cloud, passphrases, user):
    known = passphrases.ensure(get_admin_context(), "project", NAME)
    passphrases.delete(user, "project", NAME, known)
    assert cloud.secrets == {} and cloud.refused == 0


def test_the_service_deletes_that_of_a_user(cloud, passphrases, user):
    known = passphrases.ensure(user, "project", NAME)
    passphrases.delete(get_admin_context(), "project", NAME, known)
    assert cloud.secrets == {}


def test_one_that_nobody_may_delete(cloud, passphrases, user):
    known = passphrases.ensure(user, "project", NAME)
    cloud.fails = 403
    with pytest.raises(exception.KeyNotDeleted) as raised:
        passphrases.delete(user, "project", NAME, known)
    assert raised.value.internal
    assert list(cloud.secrets) == [known.id]


def test_a_refusal_to_store(cloud, passphrases, user):
    cloud.fails = 403
    with pytest.raises(exception.KeyNotStored) as raised:
        passphrases.ensure(user, "project", NAME)
    assert raised.value.internal


@pytest.mark.parametrize("call", ["ensure", "delete"])
@pytest.mark.parametrize("silent", [True, False])
def test_an_outage_is_waited_for(cloud, passphrases, user, call, silent):
    known = passphrases.ensure(user, "project", NAME)
    cloud.silent, cloud.fails = silent, None if silent else 503
    arguments = (known,) if call == "delete" else ()
    with pytest.raises(exception.KeyManagerUnavailable) as raised:
        getattr(passphrases, call)(user, "project", NAME + "1", *arguments)
    assert "http" not in raised.value.format_message()


def test_the_content_is_not_logged(cloud, passphrases, user, caplog):
    caplog.set_level("DEBUG")
    made = passphrases.ensure(user, "project", NAME)
    content = passphrases.get(user, made, "project")
    passphrases.delete(user, "project", NAME, made)
    assert made.id in caplog.text
    for text in (content.decode(), base64.b64encode(content).decode()):
        assert text not in caplog.text


def test_without_a_backend(configured, user, override):
    keys = configured()
    override("backend", None, "key_manager")
    with pytest.raises(exception.ConfigurationError, match="backend is not set"):
        Passphrases(keys).ensure(user, "project", NAME)
