"""No input makes a 500: requests drawn from our own schemas, whole and damaged, at every path.

``NOVA_MINI_FUZZ`` says how many examples for each operation (25).
"""

from __future__ import annotations

import json
import os

import oslo_messaging
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from nova_mini import db
from tests.unit.api.openstack.compute.conftest import IMAGE
from tests.unit.api.request_strategies import all_operations, requests_to
from tests.unit.conftest import ADMIN

EXAMPLES = int(os.environ.get("NOVA_MINI_FUZZ", "25"))

# A neighbour that is not there is 503, what a driver cannot do 501; nothing else may be above.
ALLOWED = {200, 201, 202, 204, 207, 400, 401, 403, 404, 405, 406, 409, 413, 415, 501, 503}

_OPERATIONS = [
    pytest.param(method, path, operation, id=name)
    for name, method, path, operation in all_operations()
]


def _on_known_things(action, body, kept):
    """Names of what is there instead of drawn ones, so that some requests come far."""
    if isinstance(body, dict) and isinstance(body.get("server"), dict):
        body["server"].update(kept)
    return body


@pytest.mark.parametrize(("method", "path", "operation"), _OPERATIONS)
def test_no_request_is_a_500(cloud, method, path, operation):
    known = [cloud.boot(), "1", IMAGE]
    cloud.bus.answers = {
        "get_console_output": "a line",
        "attach_interface": oslo_messaging.MessagingTimeout("no answer"),
    }
    wanted = {"imageRef": IMAGE, "flavorRef": "1", "networks": "none", "name": "fuzz"}

    @seed(2)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        request=requests_to(path, operation, known),
        token=st.sampled_from(["user:project", ADMIN]),
        helped=st.booleans(),
    )
    def ask(request, token, helped):
        url, version, body = request
        if helped and path == "/servers":
            body = _on_known_things(method, body, wanted)
        data = None if body is None else json.dumps(body).encode()
        answer = cloud.api.request(method, url, data, version=version, token=token)
        assert answer.status_int in ALLOWED, f"{method} {url} {version} {body}: {answer.text}"
        if answer.status_int >= 400:
            (fault,) = answer.json.values()
            assert fault["code"] == answer.status_int
            assert fault["message"]

    ask()
    _check_books(cloud)


def _check_books(cloud):
    """Nothing half-made stays: what is counted is what is there."""
    servers = db.models.instances
    for project_id in ("project", "admin"):
        rows = db.query.many(
            servers, servers.c.project_id == project_id, servers.c.deleted.is_(False)
        )
        assert db.project_usages.get(project_id) == {
            "instances": len(rows),
            "cores": sum(row["vcpus"] for row in rows),
            "ram": sum(row["memory_mb"] for row in rows),
        }
        specs = db.request_specs.get([row["uuid"] for row in rows])
        assert len(specs) == len(rows)
