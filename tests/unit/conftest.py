"""Fixtures of the unit tests: a database, contexts, and the API with its real WSGI pipeline."""

from __future__ import annotations

import contextlib
import json
import pathlib
import shutil

import pytest
import sqlalchemy
import webob

from nova_mini import objects, policy
from nova_mini.api import wsgi_app
from nova_mini.conf import CONF
from nova_mini.context import RequestContext
from nova_mini.db import models, session

_PASTE = pathlib.Path(__file__).parents[2] / "etc" / "nova-mini" / "api-paste.ini"


@pytest.fixture(scope="session")
def _empty_database(tmp_path_factory) -> pathlib.Path:
    """An empty database, created once. Each test gets a copy."""
    path = tmp_path_factory.mktemp("database") / "empty.db"
    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    models.metadata.create_all(engine)
    engine.dispose()
    return path


@pytest.fixture
def database(tmp_path, _empty_database):
    """An empty sqlite database with every table."""
    shutil.copy(_empty_database, tmp_path / "nova.db")
    CONF([], project="nova-mini", default_config_files=[])
    CONF.set_override("connection", f"sqlite:///{tmp_path}/nova.db", group="database")
    session.reset()
    session.configure(CONF)
    objects.register_all()
    yield
    session.reset()
    CONF.clear_override("connection", group="database")


def make_context(user_id: str = "user", project_id: str = "project", *, admin: bool = False):
    roles = ["admin", "member", "reader"] if admin else ["member", "reader"]
    return RequestContext(
        user_id=user_id, project_id=project_id, roles=roles, is_admin=admin, overwrite=False
    )


@pytest.fixture
def context() -> RequestContext:
    return make_context()


@pytest.fixture
def admin_context() -> RequestContext:
    return make_context("admin", "admin", admin=True)


@pytest.fixture
def operators_file(tmp_path):
    """``operators_file(text)``: the policy file that is in force."""

    def write(text: str) -> None:
        path = tmp_path / "policy.yaml"
        path.write_text(text)
        CONF.set_override("policy_file", str(path), group="oslo_policy")
        policy.reset()

    yield write
    CONF.clear_override("policy_file", group="oslo_policy")
    policy.reset()


@pytest.fixture
def override():
    """``override(option, value, group)`` sets an option for one test."""
    changed = []

    def set_override(name, value, group=None):
        CONF.set_override(name, value, group=group)
        changed.append((name, group))

    yield set_override
    for name, group in changed:
        CONF.clear_override(name, group=group)


class ApiClient:
    """HTTP requests to the application, without a socket."""

    def __init__(self, application):
        self._application = application

    def request(
        self, method, path, body=None, *, token="user:project", version=None, headers=None
    ) -> webob.Response:
        """``body``: bytes are sent unchanged, anything else as JSON. ``path`` is relative to
        ``/v2.1``; a path that begins with "//" is absolute."""
        path = path[1:] if path.startswith("//") else f"/v2.1{path}"
        req = webob.Request.blank(path, method=method)
        if token:
            req.headers["X-Auth-Token"] = token
        if version:
            req.headers["OpenStack-API-Version"] = f"compute {version}"
        if body is not None:
            req.body = body if isinstance(body, bytes) else json.dumps(body).encode()
            req.content_type = "application/json"
        req.headers.update(headers or {})
        return req.get_response(self._application)

    def get(self, path, **kwargs):
        return self.request("GET", path, **kwargs)

    def post(self, path, body=None, **kwargs):
        return self.request("POST", path, body, **kwargs)

    def put(self, path, body=None, **kwargs):
        return self.request("PUT", path, body, **kwargs)

    def delete(self, path, **kwargs):
        return self.request("DELETE", path, **kwargs)


ADMIN = "admin:admin"


@pytest.fixture(scope="session")
def _application():
    """The WSGI application, loaded once: it keeps no state between requests."""
    CONF([], project="nova-mini", default_config_files=[])
    CONF.set_override("api_paste_config", str(_PASTE), group="wsgi")
    with _noauth():
        application = wsgi_app.load("osapi_compute")
    CONF.clear_override("api_paste_config", group="wsgi")
    return application


@contextlib.contextmanager
def _noauth():
    CONF.set_override("auth_strategy", "noauth2", group="api")
    yield
    CONF.clear_override("auth_strategy", group="api")


@pytest.fixture
def api(database, _application) -> ApiClient:
    """The Compute API with ``noauth2``: a token is "user:project", the user ``admin`` is an
    administrator."""
    with _noauth():
        yield ApiClient(_application)
