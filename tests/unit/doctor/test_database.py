"""What the records say is wrong, and that it is right afterwards."""

from __future__ import annotations

import datetime
import uuid

import pytest
import sqlalchemy as sa

from nova_mini import db
from nova_mini.context import get_admin_context
from nova_mini.doctor import database, finding
from nova_mini.objects.base import utcnow
from nova_mini.objects.service import ServiceList
from tests.unit.api.openstack.compute.conftest import Bus
from tests.unit.db import records
from tests.unit.db.records import LONG_AGO

pytestmark = pytest.mark.usefixtures("database")
SECRET = "s3cret-pa55"


@pytest.fixture(autouse=True)
def bus(monkeypatch) -> Bus:
    bus = Bus()
    monkeypatch.setattr(database.compute_rpcapi.rpc, "get_client", bus.client)
    return bus


def _look() -> list[finding.Finding]:
    services = ServiceList.get_all(get_admin_context())
    return database.examine(services, utcnow() - datetime.timedelta(seconds=60))


def _kinds() -> list[str]:
    return sorted(one.kind for one in _look())


def _fix() -> dict[str, str | None]:
    """kind -> outcome."""
    found = _look()
    finding.fix(found)
    return {one.kind: one.outcome for one in found}


def test_a_healthy_cloud():
    records.add_node()
    owner = records.add_service("h1")
    uuid_ = records.add_server(task_state="powering-off")
    db.request_specs.create_many({uuid_: records.ASKED})
    records.allocate(uuid_)
    records.add_action(uuid_, owner=owner)
    assert _look() == []


def test_a_service_that_is_silent_is_told():
    records.add_service("h1", seen=LONG_AGO)
    records.add_service("h2", available=False)
    records.add_service("h3", forced_down=True, disabled=True, disabled_reason="new disks")
    records.add_service("h4", disabled=True)
    found = {one.subject: one for one in _look()}
    assert found["nova-mini-compute on h1"].since == LONG_AGO
    assert "is down" in found["nova-mini-compute on h1"].problem
    assert "hypervisor does not answer" in found["nova-mini-compute on h2"].problem
    assert found["nova-mini-compute on h3"].problem == "it is forced down (disabled: new disks)"
    assert len(found) == 3
    assert not any(one.can_be_fixed for one in found.values())


def test_an_action_without_a_doer_is_sent_again(bus):
    records.add_service("h1")
    waiting = records.add_action("server-1", args={"admin_password": SECRET})
    orphan = records.add_action("server-2", owner=str(uuid.uuid4()))
    done = records.add_action("server-3", owner=str(uuid.uuid4()), finish_time=LONG_AGO)
    found = _look()
    assert [one.subject for one in found] == ["server server-1", "server server-2"]
    assert "nobody is at it" in found[0].problem
    assert "has ended" in found[1].problem
    assert SECRET not in repr(found) + str([one.as_dict() for one in found])
    finding.fix(found)
    assert {one.outcome for one in found} == {"fixed"}
    assert [(server, kwargs["action_id"]) for _, server, _, kwargs in bus.sent] == [
        ("h1", waiting),
        ("h1", orphan),
    ]
    assert db.actions.get(orphan)["owner"] is None
    assert [event[0] for event in records.events(orphan)] == ["recovery_resent"]
    assert records.events(done) == []


def test_an_action_of_a_conductor_that_never_came_back_is_given_to_another(bus):
    lost = records.add_service("c1", seen=LONG_AGO, binary="nova-mini-conductor", topic="conductor")
    action = records.add_action("server-1", host=None, owner=lost, method="build_instances")
    assert _fix() == {"service-down": None, "unfinished-action": "fixed"}
    ((topic, _, method, kwargs),) = bus.sent
    assert (topic, method, kwargs) == ("conductor", "build_instances", {"action_ids": [action]})
    assert db.actions.claim(action, records.add_service("c2"), None)


def test_an_action_that_waits_for_its_host_is_told_of(bus):
    records.add_service("h1", seen=LONG_AGO)
    records.add_action("server-1")
    found = {one.kind: one for one in _look()}
    assert "waits for host h1, which is down" in found["unfinished-action"].problem
    assert not found["unfinished-action"].can_be_fixed


def test_an_action_that_somebody_took_up_meanwhile_is_his(bus):
    records.add_service("h1")
    action = records.add_action("server-1")
    found = _look()
    assert db.actions.claim(action, records.add_service("h2"), "h1")
    finding.fix(found)
    assert found[0].outcome.startswith("not fixed: ")
    assert bus.sent == []


def test_a_server_in_error_is_told_with_the_fault_that_its_user_sees():
    broken = records.add_server(vm_state="error", host=None)
    details = {"code": 500, "message": "No valid host", "details": f"password {SECRET}"}
    db.instances.add_fault({"instance_uuid": broken, **details})
    (one,) = _look()
    assert (one.kind, one.subject) == ("server-in-error", f"server {broken}")
    assert one.problem == "it is in ERROR: No valid host"
    assert SECRET not in str(one.as_dict())


def test_the_sums_are_put_right():
    records.add_node(vcpus_used=7)
    stuck = records.add_server(task_state="powering-off")
    db.request_specs.create_many({stuck: records.ASKED})
    gone = records.add_server(deleted=True, project_id="q")
    records.allocate(gone)
    with db.session.writer() as connection:
        usage = {"project_id": "p", "instances": 9, "cores": 1, "ram": 96}
        connection.execute(db.models.project_usages.insert(), usage)
    kinds = ["missing-allocation", "orphaned-allocation", "stranded-task", "wrong-ledger",
             "wrong-usage"]  # fmt: skip
    assert _kinds() == kinds
    usage = next(one for one in _look() if one.kind == "wrong-usage")
    assert usage.problem == "its usage says instances 9 where the sum is 1"
    assert _fix() == dict.fromkeys(kinds, "fixed")
    assert _look() == []
    assert records.server(stuck)["task_state"] is None


def test_no_finding_costs_a_query_of_its_own(monkeypatch):
    def queries() -> int:
        seen.clear()
        _look()
        return len(seen)

    seen: list[str] = []

    sa.event.listen(
        db.session.get_engine(), "before_cursor_execute",
        lambda _c, _cursor, statement, *_: seen.append(statement),
    )  # fmt: skip
    records.add_server(vm_state="error", host=None)
    records.add_action("server-1")
    few = queries()
    for number in range(10):
        records.add_server(vm_state="error", host=None)
        records.add_action(f"server-{number}")
        records.add_server(task_state="powering-off", host=None)
    assert queries() == few
