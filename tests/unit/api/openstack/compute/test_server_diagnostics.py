"""Diagnostics and topology of a server: who may read them, and from which host they come."""

from __future__ import annotations

import pytest

from nova_mini import db, exception
from nova_mini.context import get_admin_context
from nova_mini.numa.fit import Ratios, place
from nova_mini.numa.host import HostCell, HostTopology
from nova_mini.numa.request import topology_of
from nova_mini.objects.instance import Instance
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


def test_numa_nodes_of_a_server(cloud):
    """What is the host's is for administrators."""
    server_id = cloud.boot()
    specs = {"hw:numa_nodes": "2", "hw:cpu_policy": "dedicated", "hw:mem_page_size": "small"}
    guest = topology_of(specs, {}, 2, 128)
    cells = (
        HostCell(0, 128, frozenset(), frozenset({2})),
        HostCell(1, 128, frozenset(), frozenset({5})),
    )
    placed = place(guest, HostTopology(cells), Ratios())
    instance = Instance.get_by_uuid(get_admin_context(), server_id)
    instance.numa_topology = placed.to_dict()
    instance.save()
    path = f"/servers/{server_id}/topology"
    nodes = [{"memory_mb": 64, "vcpu_set": [vcpu], "siblings": []} for vcpu in (0, 1)]
    expected = {"nodes": nodes, "pagesize_kb": 4}
    assert cloud.api.get(path, version="2.78").json == expected
    nodes[0] |= {"host_node": 0, "cpu_pinning": {"0": 2}}
    nodes[1] |= {"host_node": 1, "cpu_pinning": {"1": 5}}
    assert cloud.api.get(path, version="2.78", token=ADMIN).json == expected


def test_a_server_without_numa_nodes(cloud):
    path = f"/servers/{cloud.boot()}/topology"
    assert cloud.api.get(path, version="2.78").json == {"nodes": [], "pagesize_kb": None}
    assert cloud.api.get(path, version="2.77").status_int == 404
    assert cloud.api.get(path, version="2.78", token="user:other").status_int == 404
