"""The walk of an action, from the rows of its history."""

from __future__ import annotations

import datetime

import pytest

from nova_mini.db import actions, models, query
from nova_mini.waterfall import walk
from tests.unit.db import records

START = datetime.datetime(2026, 3, 1, 12)


def at(milliseconds: int) -> datetime.datetime:
    return START + datetime.timedelta(milliseconds=milliseconds)


def action(**columns) -> dict:
    row = {
        "id": 1,
        "action": "create",
        "instance_uuid": "s",
        "request_id": "req-1",
        "user_id": "u",
        "project_id": "p",
        "start_time": at(0),
        "created_at": at(40),
        "finish_time": at(1000),
        "message": None,
    }
    return row | columns


def event(name: str, begin: int, end: int | None, host: str, **columns) -> dict:
    row = {
        "action_id": 1,
        "event": name,
        "host": host,
        "start_time": at(begin),
        "finish_time": None if end is None else at(end),
        "result": "Success",
        "details": None,
    }
    return row | columns


BUILD = [
    event("API.validate_networks", 10, 20, "control"),
    event("conductor_schedule_and_build_instances", 60, 200, "control"),
    event("SchedulerAPI.select_destinations", 70, 150, "control"),
    event("choose_hosts", 80, 100, "control2"),
    event("claim_hosts", 101, 140, "control2"),
    event("compute_build_and_run_instance", 300, 990, "c1"),
    event("ResourceTracker.instance_claim", 310, 330, "c1"),
    event("FakeDriver.spawn", 400, 900, "c1"),
]


def test_each_step_has_its_service_and_its_place():
    made = walk.make(action(), BUILD, at(5000))
    assert [(each.name, walk.place_of(each), each.depth) for each in made.spans] == [
        ("request", "api@control", 0),
        ("API.validate_networks", "api@control", 1),
        ("conductor_schedule_and_build_instances", "conductor@control", 0),
        ("SchedulerAPI.select_destinations", "conductor@control", 1),
        ("choose_hosts", "scheduler@control2", 2),
        ("claim_hosts", "scheduler@control2", 2),
        ("compute_build_and_run_instance", "compute@c1", 0),
        ("ResourceTracker.instance_claim", "compute@c1", 1),
        ("FakeDriver.spawn", "compute@c1", 1),
    ]
    assert made.state == "done"


def test_the_times_of_the_services_and_between_them():
    times = walk.make(action(), BUILD, at(5000)).places()
    assert {place: time.total_seconds() * 1000 for place, time in times.items()} == {
        "api@control": 40,
        "conductor@control": 140,
        "scheduler@control2": 59,
        "compute@c1": 690,
        "between them": 130,  # 20 until the conductor, 100 until the compute, 10 at the end
    }


def test_all_services_on_one_host_are_told_apart():
    everywhere = [each | {"host": "one"} for each in BUILD]
    made = walk.make(action(), everywhere, at(5000))
    assert [each.service for each in made.spans] == [
        *("api", "api"),
        *("conductor", "conductor", "scheduler", "scheduler"),
        *("compute", "compute", "compute"),
    ]


def test_a_step_that_runs_ends_now_and_a_failed_one_is_marked():
    events = [
        event("compute_prep_resize", 100, 300, "c1", result="Error", details="it is full"),
        event("recovery_resumed", 400, 400, "c2"),
        event("compute_finish_resize", 400, None, "c2"),
    ]
    made = walk.make(action(finish_time=None), events, at(700))
    assert made.state == "running" and made.finish == at(700)
    assert [(each.service, each.failed, each.details) for each in made.spans[1:]] == [
        ("compute", True, "it is full"),
        ("compute", False, None),
        ("recovery", False, None),
    ]
    assert made.places()["compute@c2"] == datetime.timedelta(milliseconds=300)


def test_an_action_that_no_user_requested_has_no_part_of_the_api():
    made = walk.make(action(user_id=None), [event("compute_stop_instance", 50, 60, "c1")], at(90))
    assert [each.service for each in made.spans] == ["compute"]


def test_clocks_that_differ_make_no_negative_times():
    events = [event("compute_stop_instance", -500, -600, "c1")]
    made = walk.make(action(finish_time=at(-100)), events, at(0))
    assert made.start == at(-500) and made.finish >= made.start
    assert all(time >= datetime.timedelta() for time in made.places().values())


@pytest.mark.usefixtures("database")
def test_the_newest_actions_of_a_server_and_all_servers_of_a_request():
    servers = [records.add_server(), records.add_server()]
    first = [
        records.add_action(uuid, request_id="req-1", action="create", user_id="u")
        for uuid in servers
    ]
    records.add_action(servers[0], request_id="req-2", action="stop")
    row = event("compute_build_and_run_instance", 0, 10, "c1", action_id=first[1])
    query.insert(models.instance_actions_events, row)

    newest = walk.of_server(servers[0], 1)
    assert [each.action["action"] for each in newest] == ["stop"]
    assert [each.action["action"] for each in walk.of_server(servers[0], None)] == [
        "create",
        "stop",
    ]
    of_request = walk.of_request("req-1", None)
    assert [each.action["instance_uuid"] for each in of_request] == servers
    services = [[span.service for span in each.spans] for each in of_request]
    assert services == [["api"], ["api", "compute"]]
    assert len(walk.of_request("req-1", 1)) == 1
    assert actions.get_by_request("req-9") == []
