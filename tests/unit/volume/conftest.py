"""Fixtures: an HTTP server that acts as Cinder, and the context of a user with a token."""

import pytest

from nova_mini.context import RequestContext
from tests.unit.volume import stub_cinder


@pytest.fixture
def cinder():
    with stub_cinder.serving() as served:
        yield served


@pytest.fixture
def ctxt():
    return RequestContext(auth_token="users-token", user_id="user", project_id="project")
