"""Every server that existed in a period is reported once for it, and the API shows this."""

from __future__ import annotations

import datetime
import json
import threading

import pytest

from nova_mini import db, exception, rpc
from nova_mini.conductor import usage_audit
from nova_mini.conductor.usage_audit import UsageAudits
from nova_mini.db import usage_audits
from nova_mini.objects.usage_audit import get_audits
from nova_mini.outbox import Outbox
from tests.unit.db import records

NOW = datetime.datetime(2026, 3, 15, 12, 30)
BEGIN, END = datetime.datetime(2026, 2, 1), datetime.datetime(2026, 3, 1)
IN_THE_PERIOD = datetime.datetime(2026, 2, 14)
OWNER = "11111111-0000-4000-8000-0000000000%02d"


@pytest.fixture
def auditor(database, bus, override, monkeypatch) -> UsageAudits:
    override("instance_usage_audit", True)
    monkeypatch.setattr(usage_audit, "utcnow", lambda: NOW)
    for number, host in enumerate(("h1", "h2")):
        db.services.start(host, "nova-mini-compute", "compute", OWNER % number, 2)
    return UsageAudits(OWNER % 9)


def reported(bus) -> list[str]:
    assert {event for event, _payload in bus.notifications} <= {"compute.instance.exists"}
    return [payload["instance_id"] for _event, payload in bus.notifications]


def test_servers_of_the_period_are_reported_once(auditor, bus):
    before = datetime.datetime(2026, 1, 15)
    living = records.add_server(launched_at=before)
    gone = records.add_server(
        launched_at=before, terminated_at=IN_THE_PERIOD, deleted=True, vm_state="deleted", host="h2"
    )
    records.add_server(launched_at=before, terminated_at=datetime.datetime(2026, 1, 20))
    records.add_server(launched_at=NOW)
    records.add_server(launched_at=None)
    auditor.run()
    assert reported(bus) == [living, gone]
    _event, payload = bus.notifications[0]
    assert payload["audit_period_beginning"] == "2026-02-01 00:00:00"
    assert payload["audit_period_ending"] == "2026-03-01 00:00:00"
    assert payload["bandwidth"] == {}
    assert payload["memory_mb"] == 96
    audits = get_audits(BEGIN, END)
    assert [(each.host, each.is_done, each.servers) for each in audits] == [
        ("h1", True, 1),
        ("h2", True, 1),
    ]
    auditor.run()
    assert len(bus.notifications) == 2


def test_more_servers_than_a_query_reads(auditor, bus, monkeypatch):
    monkeypatch.setattr(usage_audits, "_PAGE", 2)
    uuids = [records.add_server(launched_at=IN_THE_PERIOD) for _ in range(5)]
    auditor.run()
    assert reported(bus) == uuids


def test_nothing_is_reported_unless_it_is_configured(auditor, bus, override):
    override("instance_usage_audit", False)
    records.add_server(launched_at=IN_THE_PERIOD)
    auditor.run()
    assert bus.notifications == [] and get_audits(BEGIN, END) == []


def test_another_conductor_waits_for_the_lease(auditor, bus):
    assert db.leases.take("usage audit", OWNER % 8, 60)
    records.add_server(launched_at=IN_THE_PERIOD)
    auditor.run()
    assert bus.notifications == []


def test_the_audit_of_a_conductor_that_died_is_repeated(auditor, bus):
    uuid = records.add_server(launched_at=IN_THE_PERIOD)
    usage_audits.start("h1", BEGIN, END)
    usage_audits.start("h1", BEGIN, END)
    assert [(each.host, each.is_done) for each in get_audits(BEGIN, END)] == [("h1", False)]
    auditor.run()
    assert reported(bus) == [uuid]
    assert all(each.is_done for each in get_audits(BEGIN, END))


def test_a_server_that_cannot_be_reported_is_counted(auditor, bus, monkeypatch, caplog):
    broken, good = (records.add_server(launched_at=IN_THE_PERIOD) for _ in range(2))
    send = bus.info

    def info(context, event, payload):
        if payload["instance_id"] == broken:
            raise exception.NovaException("no broker")
        send(context, event, payload)

    monkeypatch.setattr(bus, "info", info)
    auditor.run()
    assert reported(bus) == [good]
    (of_h1, _of_h2) = get_audits(BEGIN, END)
    assert (of_h1.servers, of_h1.errors) == (2, 1)
    assert f"{broken}: usage not reported" in caplog.text


def test_an_audit_without_a_broker_is_repeated(auditor, bus, monkeypatch, caplog):
    queue, is_back = Outbox("Notifications"), threading.Event()
    monkeypatch.setattr(rpc, "_notifications", queue)
    monkeypatch.setattr(usage_audit, "_FLUSH_SECONDS", 0.1)
    queue.put(lambda: is_back.wait(10))
    uuids = [records.add_server(launched_at=IN_THE_PERIOD) for _ in range(2)]
    auditor.run()
    assert [(each.host, each.is_done) for each in get_audits(BEGIN, END)] == [("h1", False)]
    assert "host h1: no broker answers" in caplog.text
    is_back.set()
    assert queue.flush(10)
    bus.notifications.clear()
    auditor.run()
    assert reported(bus) == uuids
    assert [each.is_done for each in get_audits(BEGIN, END)] == [True, True]


def test_what_the_broker_refuses_is_counted(auditor, bus, monkeypatch):
    queue = Outbox("Notifications")
    monkeypatch.setattr(rpc, "_notifications", queue)

    def refuse() -> None:
        raise OSError("refused")

    monkeypatch.setattr(bus, "info", lambda context, event, payload: queue.put(refuse))
    records.add_server(launched_at=IN_THE_PERIOD)
    auditor.run()
    of_h1, of_h2 = get_audits(BEGIN, END)
    assert (of_h1.errors, of_h2.errors) == (1, 0)


def test_old_audits_are_forgotten(auditor):
    usage_audits.start("h1", datetime.datetime(2020, 1, 1), datetime.datetime(2020, 2, 1))
    auditor.run()
    assert get_audits(datetime.datetime(2020, 1, 1), datetime.datetime(2020, 2, 1)) == []


def test_the_payload_is_json(auditor, bus):
    records.add_server(launched_at=IN_THE_PERIOD)
    auditor.run()
    assert json.dumps(bus.notifications)
