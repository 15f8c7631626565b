"""The phase of the benchmark that moves servers."""

from __future__ import annotations

import dataclasses

import pytest
from benchlib import moves
from benchlib.compute import Compute
from benchlib.errors import BenchError

WAIT = {
    "event": "request to neutron: GET /v2.0/ports",
    "start_time": "2026-01-01T00:00:01.000000",
    "finish_time": "2026-01-01T00:00:01.000000",
}


@dataclasses.dataclass
class Cloud(Compute):
    """A cloud that does at once what it is asked for, unless it is the action `fails`."""

    fails: str = ""
    actions: list[str] = dataclasses.field(default_factory=list)
    flavors: list[str] = dataclasses.field(default_factory=list)

    def call(self, method, path, body=None, ok=()):
        match method, path.split("/")[1:]:
            case "GET", ["flavors", _]:
                return {"flavor": {"vcpus": 1, "disk": 1, "ram": 64}}
            case "POST", ["flavors"]:
                assert body["flavor"]["ram"] == 128
                self.flavors.append(body["flavor"]["id"])
                return body
            case "DELETE", ["flavors", name]:
                self.flavors.remove(name)
            case "POST", ["servers"]:
                return {"server": {"id": "server"}}
            case "POST", ["servers", _, "action"]:
                self.actions.extend(body)
                if self.fails in body:
                    raise BenchError("no valid host")
            case "GET", ["servers", _, "os-instance-actions"]:
                found = [{"action": "create", "request_id": "create"}]
                found += [{"action": each, "request_id": each} for each in self.actions]
                return {"instanceActions": found}
            case "GET", ["servers", _, "os-instance-actions", _]:
                return {"instanceAction": {"events": [WAIT]}}
        return None

    def wait(self, server_id, status):
        pass


def test_every_step_is_measured_and_the_flavor_is_deleted():
    cloud = Cloud("http://cloud", {}, "image", "flavor")
    found = moves.moves(cloud, 2)
    assert cloud.actions == ["resize", "revertResize", "migrate", "confirmResize"] * 2
    assert {found[step]["n"] for step in cloud.actions} == {2}
    assert set(found["own"]) == set(cloud.actions)
    assert cloud.flavors == []


def test_the_flavor_is_deleted_after_a_failure():
    cloud = Cloud("http://cloud", {}, "image", "flavor", fails="migrate")
    with pytest.raises(BenchError):
        moves.moves(cloud, 1)
    assert cloud.flavors == []
