"""Diagnostics and topology of a server: who may read them, and from which host they come."""

from __future__ import annotations

import pytest

from nova_mini import db, exception
from tests.unit.api.openstack.compute.conftest import HOST
from tests.unit.conftest import ADMIN


@pytest.mark.parametrize(
    ("version", "method"),
    [("2.1", "get_diagnostics"), ("2.48", "get_instance_diagnostics")],
)
def test_the_host_of_the_server_is_asked(cloud, version, method):
    server_id = cloud.boot()
    cloud.bus.responses[method] = {"memory": 1}
    path = f"/servers/{server_id}/diagnostics"
    assert cloud.api.get(path, version=version, token=ADMIN).json == {"memory": 1}
    ((_topic, server, sent, kwargs),) = cloud.bus.sent
    assert (server, sent, kwargs["instance"].uuid) == (HOST, method, server_id)
    assert cloud.api.get(path, version=version).status_int == 403
    assert cloud.api.get(path, version=version, token="user:other").status_int == 404


def test_a_server_that_cannot_answer_is_409(cloud):
    server_id = cloud.boot()
    path = f"/servers/{server_id}/diagnostics"
    cloud.bus.responses["get_diagnostics"] = exception.InstanceInvalidState(
        method="get_diagnostics", instance_uuid=server_id, attr="power state", state="shutdown"
    )
    answer = cloud.api.get(path, token=ADMIN)
    assert answer.status_int == 409
    assert "power state shutdown" in answer.json["conflictingRequest"]["message"]
    cloud.bus.sent.clear()
    db.query.update(db.models.services, {"version": 3})
    answer = cloud.api.get(path, token=ADMIN)
    assert "must be upgraded" in answer.json["conflictingRequest"]["message"]
    cloud.set(server_id, host=None)
    answer = cloud.api.get(path, token=ADMIN)
    assert "not ready" in answer.json["conflictingRequest"]["message"]
    assert cloud.bus.sent == []


def test_no_server_has_numa_nodes(cloud):
    path = f"/servers/{cloud.boot()}/topology"
    assert cloud.api.get(path, version="2.78").json == {"nodes": [], "pagesize_kb": None}
    assert cloud.api.get(path, version="2.77").status_int == 404
    assert cloud.api.get(path, version="2.78", token="user:other").status_int == 404
