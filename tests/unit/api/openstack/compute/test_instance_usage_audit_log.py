import datetime

import pytest

from nova_mini.db import usage_audits
from nova_mini.objects import audit_period
from tests.unit.api.openstack.compute.conftest import HOST
from tests.unit.conftest import ADMIN

NOON = datetime.datetime(2026, 3, 15, 12, 30)


@pytest.mark.parametrize(
    ("setting", "begin", "end"),
    [
        ("hour", "2026-03-15 11:00:00", "2026-03-15 12:00:00"),
        ("hour@45", "2026-03-15 10:45:00", "2026-03-15 11:45:00"),
        ("day", "2026-03-14 00:00:00", "2026-03-15 00:00:00"),
        ("day@18", "2026-03-13 18:00:00", "2026-03-14 18:00:00"),
        ("month", "2026-02-01 00:00:00", "2026-03-01 00:00:00"),
        ("month@20", "2026-01-20 00:00:00", "2026-02-20 00:00:00"),
        ("year", "2025-01-01 00:00:00", "2026-01-01 00:00:00"),
        ("year@6", "2024-06-01 00:00:00", "2025-06-01 00:00:00"),
    ],
)
def test_the_last_period_that_has_ended(setting, begin, end):
    assert [str(time) for time in audit_period.last_completed(setting, NOON)] == [begin, end]


def test_a_period_does_not_end_at_its_own_time():
    end = datetime.datetime(2026, 1, 1)
    assert audit_period.last_completed("month", end)[1] == datetime.datetime(2025, 12, 1)


def test_every_host_has_not_run(cloud):
    path = "/os-instance_usage_audit_log/2026-03-15%2012:30:00"
    log = cloud.api.get(path, token=ADMIN).json["instance_usage_audit_log"]
    assert log == {
        "period_beginning": "2026-02-01 00:00:00",
        "period_ending": "2026-03-01 00:00:00",
        "num_hosts": 1,
        "num_hosts_done": 0,
        "num_hosts_running": 0,
        "num_hosts_not_run": 1,
        "hosts_not_run": [HOST],
        "total_instances": 0,
        "total_errors": 0,
        "overall_status": "0 of 1 hosts done. 0 errors.",
        "log": {},
    }
    path = "/os-instance_usage_audit_log"
    assert cloud.api.get(path, token=ADMIN).json["instance_usage_audit_logs"]["num_hosts"] == 1
    assert cloud.api.get(path).status_int == 403


def test_the_period_that_has_not_ended():
    begin, end = audit_period.current("month", NOON)
    assert (begin, end) == (datetime.datetime(2026, 3, 1), NOON)


def test_audits_of_hosts(cloud):
    period = (datetime.datetime(2026, 2, 1), datetime.datetime(2026, 3, 1))
    usage_audits.start("gone", *period)
    path = "/os-instance_usage_audit_log/2026-03-15%2012:30:00"
    log = cloud.api.get(path, token=ADMIN).json["instance_usage_audit_log"]
    assert log["log"] == {"gone": {"state": "RUNNING", "instances": 0, "errors": 0, "message": ""}}
    assert (log["num_hosts"], log["num_hosts_running"], log["num_hosts_not_run"]) == (2, 1, 1)
    assert log["hosts_not_run"] == [HOST]
    for host in ("gone", HOST):
        usage_audits.start(host, *period)
        usage_audits.finish(host, *period, servers=3, errors=1, message="ok")
    log = cloud.api.get(path, token=ADMIN).json["instance_usage_audit_log"]
    assert log["overall_status"] == "ALL hosts done. 2 errors."
    assert (log["num_hosts_done"], log["hosts_not_run"], log["total_instances"]) == (2, [], 6)
    assert log["log"][HOST] == {"state": "DONE", "instances": 3, "errors": 1, "message": "ok"}


@pytest.mark.parametrize("time", ["yesterday", "2026-13-01%2000:00:00", "0001-01-01%2000:00:00"])
def test_an_invalid_time_is_400(cloud, time):
    path = f"/os-instance_usage_audit_log/{time}"
    assert cloud.api.get(path, token=ADMIN).status_int == 400
    assert cloud.api.get(path).status_int == 403
