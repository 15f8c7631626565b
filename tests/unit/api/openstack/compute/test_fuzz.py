"""Random requests to every path, valid and damaged, made from the schemas: none causes a 500.

``NOVA_MINI_FUZZ``: the number of examples for each operation (25).
"""

from __future__ import annotations

import json
import os

import oslo_messaging
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from nova_mini import db
from tests.unit.api.body_strategies import odd_bodies
from tests.unit.api.openstack.compute.conftest import IMAGE
from tests.unit.api.request_strategies import all_operations, requests_to
from tests.unit.conftest import ADMIN

EXAMPLES = int(os.environ.get("NOVA_MINI_FUZZ", "25"))

# 501: the driver lacks a feature. 503: an external service is unavailable. No other 5xx is allowed.
ALLOWED = {200, 201, 202, 204, 207, 400, 401, 403, 404, 405, 406, 409, 413, 415, 501, 503}

_OPERATIONS = [
    pytest.param(method, path, operation, id=name)
    for name, method, path, operation in all_operations()
]

_CONSOLE = {
    "console_type": "serial",
    "host": "192.0.2.7",
    "port": 10000,
    "tls_port": None,
    "access_url_base": "ws://console.example:6083/",
}

_WITH_BODY = [each for each in _OPERATIONS if each.values[2].takes_body]


def _on_known_things(action, body, kept):
    """Replace random names by existing ones, so that some requests pass the first checks."""
    if isinstance(body, dict) and isinstance(body.get("server"), dict):
        body["server"].update(kept)
    return body


@pytest.mark.parametrize(("method", "path", "operation"), _OPERATIONS)
def test_random_request_is_not_500(cloud, method, path, operation):
    known = [cloud.boot(), "1", IMAGE]
    cloud.bus.responses = {
        "get_console_output": "a line",
        "get_diagnostics": {"memory": 1},
        "set_admin_password": None,
        "get_instance_diagnostics": {"state": "running"},
        **{f"get_{name}_console": _CONSOLE for name in ("vnc", "spice", "serial")},
        "attach_interface": oslo_messaging.MessagingTimeout("no answer"),
    }
    fields = {"imageRef": IMAGE, "flavorRef": "1", "networks": "none", "name": "fuzz"}

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
            body = _on_known_things(method, body, fields)
        data = None if body is None else json.dumps(body).encode()
        response = cloud.api.request(method, url, data, version=version, token=token)
        _check(response, f"{method} {url} {version} {body}")

    ask()
    _check_books(cloud)


@pytest.mark.parametrize(("method", "path", "operation"), _WITH_BODY)
def test_random_body_is_not_500(cloud, method, path, operation):
    known = [cloud.boot(), "1", IMAGE]

    @seed(3)
    @settings(
        max_examples=EXAMPLES // 3,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data(), token=st.sampled_from(["user:project", ADMIN]))
    def send(data, token):
        url, version, body = data.draw(requests_to(path, operation, known))
        odd = data.draw(odd_bodies(st.just(body)))
        response = cloud.api.request(method, url, odd, version=version, token=token)
        _check(response, f"{method} {url} {version} {odd[:300]}")

    send()
    _check_books(cloud)


def _check(response, label: str) -> None:
    assert response.status_int in ALLOWED, f"{label}: {response.text}"
    if response.status_int >= 400:
        (fault,) = response.json.values()
        assert fault["code"] == response.status_int
        assert fault["message"]


def _check_books(cloud):
    """Asserts that there are no incomplete records: the usage is the sum of the servers."""
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
