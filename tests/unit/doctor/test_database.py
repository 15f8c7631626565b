"""The doctor's audit of the database, and its fixes."""

from __future__ import annotations

import datetime
import uuid

import pytest
import sqlalchemy as sa

from nova_mini import db
from nova_mini.clock import utcnow
from nova_mini.context import get_admin_context
from nova_mini.doctor import database, finding
from nova_mini.objects.service import ServiceList
from tests.unit.api.openstack.compute.conftest import Bus
from tests.unit.db import records
from tests.unit.db.records import LONG_AGO
from tests.unit.scheduler import cloud

pytestmark = pytest.mark.usefixtures("database")
SECRET = "s3cret-pa55"


@pytest.fixture(autouse=True)
def bus(monkeypatch) -> Bus:
    bus = Bus()
    monkeypatch.setattr(database.compute_rpcapi.rpc, "get_client", bus.client)
    return bus


def _audit() -> list[finding.Finding]:
    services = ServiceList.get_all(get_admin_context())
    return database.audit(services, utcnow() - datetime.timedelta(seconds=60))


def _kinds() -> list[str]:
    return sorted(one.kind for one in _audit())


def _fix() -> dict[str, str | None]:
    """kind -> outcome."""
    found = _audit()
    finding.fix(found)
    return {one.kind: one.outcome for one in found}


def test_a_healthy_cloud_has_no_findings():
    records.add_node()
    owner = records.add_service("h1")
    uuid_ = records.add_server(task_state="powering-off")
    db.request_specs.create_many({uuid_: records.REQUESTED})
    records.allocate(uuid_)
    records.add_action(uuid_, owner=owner)
    assert _audit() == []


def test_services_that_are_down_are_findings():
    records.add_service("h1", seen=LONG_AGO)
    records.add_service("h2", available=False)
    records.add_service("h3", forced_down=True, disabled=True, disabled_reason="new disks")
    records.add_service("h4", disabled=True)
    found = {one.subject: one for one in _audit()}
    assert found["nova-mini-compute on h1"].since == LONG_AGO
    assert "is down" in found["nova-mini-compute on h1"].problem
    assert "hypervisor does not answer" in found["nova-mini-compute on h2"].problem
    assert found["nova-mini-compute on h3"].problem == "it is forced down (disabled: new disks)"
    assert len(found) == 3
    assert not any(one.can_be_fixed for one in found.values())


def test_actions_without_an_owner_are_sent_again(bus):
    records.add_service("h1")
    pending = records.add_action("server-1", args={"admin_password": SECRET})
    orphan = records.add_action("server-2", owner=str(uuid.uuid4()))
    done = records.add_action("server-3", owner=str(uuid.uuid4()), finish_time=LONG_AGO)
    found = _audit()
    assert [one.subject for one in found] == ["server server-1", "server server-2"]
    assert "it has no owner" in found[0].problem
    assert "its owner has ended" in found[1].problem
    assert SECRET not in repr(found) + str([one.as_dict() for one in found])
    finding.fix(found)
    assert {one.outcome for one in found} == {"fixed"}
    assert [(server, kwargs["action_id"]) for _, server, _, kwargs in bus.sent] == [
        ("h1", pending),
        ("h1", orphan),
    ]
    assert db.actions.get(orphan)["owner"] is None
    assert [event[0] for event in records.events(orphan)] == ["recovery_resent"]
    assert records.events(done) == []


def test_an_action_of_a_conductor_that_is_down_is_sent_to_the_conductors(bus):
    lost = records.add_service("c1", seen=LONG_AGO, binary="nova-mini-conductor", topic="conductor")
    action = records.add_action("server-1", host=None, owner=lost, method="build_instances")
    assert _fix() == {"service-down": None, "unfinished-action": "fixed"}
    ((topic, _, method, kwargs),) = bus.sent
    assert (topic, method, kwargs) == ("conductor", "build_instances", {"action_ids": [action]})
    assert db.actions.claim(action, records.add_service("c2"), None)


def test_an_action_of_a_host_that_is_down_cannot_be_fixed(bus):
    records.add_service("h1", seen=LONG_AGO)
    records.add_action("server-1")
    found = {one.kind: one for one in _audit()}
    assert "waits for host h1, which is down" in found["unfinished-action"].problem
    assert not found["unfinished-action"].can_be_fixed


def test_an_action_that_has_a_new_owner_is_not_sent_again(bus):
    records.add_service("h1")
    action = records.add_action("server-1")
    found = _audit()
    assert db.actions.claim(action, records.add_service("h2"), "h1")
    finding.fix(found)
    assert found[0].outcome.startswith("not fixed: ")
    assert bus.sent == []


def test_a_server_in_error_is_a_finding_with_the_message_of_its_fault():
    broken = records.add_server(vm_state="error", host=None)
    details = {"code": 500, "message": "No valid host", "details": f"password {SECRET}"}
    db.instance_faults.add_fault({"instance_uuid": broken, **details})
    (one,) = _audit()
    assert (one.kind, one.subject) == ("server-in-error", f"server {broken}")
    assert one.problem == "it is in ERROR: No valid host"
    assert SECRET not in str(one.as_dict())


def test_inconsistent_records_are_fixed():
    records.add_node(vcpus_used=7)
    stuck = records.add_server(task_state="powering-off")
    db.request_specs.create_many({stuck: records.REQUESTED})
    gone = records.add_server(deleted=True, project_id="q")
    records.allocate(gone)
    with db.session.writer() as connection:
        usage = {"project_id": "p", "instances": 9, "cores": 1, "ram": 96}
        connection.execute(db.models.project_usages.insert(), usage)
    kinds = [
        "missing-allocation",
        "orphaned-allocation",
        "stranded-task",
        "wrong-ledger",
        "wrong-usage",
    ]
    assert _kinds() == kinds
    usage = next(one for one in _audit() if one.kind == "wrong-usage")
    assert usage.problem == "its usage says instances 9 where the sum is 1"
    assert _fix() == dict.fromkeys(kinds, "fixed")
    assert _audit() == []
    assert records.server(stuck)["task_state"] is None


def test_the_number_of_queries_does_not_depend_on_the_number_of_findings(monkeypatch):
    def queries() -> int:
        seen.clear()
        _audit()
        return len(seen)

    seen: list[str] = []

    sa.event.listen(
        db.session.get_engine(),
        "before_cursor_execute",
        lambda _c, _cursor, statement, *_: seen.append(statement),
    )
    records.add_server(vm_state="error", host=None)
    records.add_action("server-1")
    few = queries()
    for number in range(10):
        records.add_server(vm_state="error", host=None)
        records.add_action(f"server-{number}")
        records.add_server(task_state="powering-off", host=None)
    assert queries() == few


def test_broken_policies_of_server_groups_are_findings():
    for host in ("h1", "h2"):
        cloud.add_host(host)
    apart, together = cloud.add_group("anti-affinity"), cloud.add_group("affinity")
    kept = cloud.add_group("anti-affinity", max_server_per_host=2)
    soft = cloud.add_group("soft-anti-affinity")
    for group, hosts in (
        (apart, ("h1", "h1", "h2")),
        (together, ("h1", "h2")),
        (kept, ("h1", "h1", "h2")),
        (soft, ("h1", "h1")),
    ):
        for host in hosts:
            uuid_ = records.add_server(host=host, updated_at=utcnow())
            db.instance_groups.add_members(group, [uuid_], "u", -1)
            assert db.allocations.claim(uuid_, host, records.REQUESTED, force=True)
    assert [
        (one.subject, one.problem) for one in _audit() if one.kind == "server-group-policy"
    ] == [
        (f"server group {apart}", "its policy anti-affinity is broken: 2 on h1, 1 on h2"),
        (f"server group {together}", "its policy affinity is broken: 1 on h1, 1 on h2"),
    ]
