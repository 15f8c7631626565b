"""tools/chaos: the proxy that fails as neighbours do, the order of faults, the table."""

from __future__ import annotations

import random
import socket
import threading
import time
from concurrent import futures

import pytest
import requests

from nova_mini import faults as orders
from tests.chaos import discovery, faults, operations, plan, proxy, report, rivals, rounds, soak
from tests.chaos.rounds import Injection
from tests.chaos.wire import Wire
from tests.unit.rest_server import running


class Neighbour:
    def __init__(self):
        self.heard: list[tuple[str, str, bytes]] = []

    def respond(self, method, path, query, headers, body):
        self.heard.append((method, path, body))
        return 201, {"said": body.decode()}


@pytest.fixture
def neighbour():
    return Neighbour()


@pytest.fixture
def way(neighbour):
    with running(neighbour.respond) as url, proxy.Proxy(url + "/v2").running() as made:
        yield made


def test_what_a_proxy_hears_is_handed_on_both_ways(way, neighbour):
    answer = requests.put(f"{way.url}/ports/1", data=b"hello", timeout=5)
    assert (answer.status_code, answer.json()) == (201, {"said": "hello"})
    assert neighbour.heard == [("PUT", "/v2/ports/1", b"hello")]


def test_out_of_order_from_the_second_request_until_it_is_repaired(way, neighbour):
    way.break_at(2, proxy.UNAVAILABLE)
    codes = [requests.post(way.url, data=b"x", timeout=5).status_code for _ in range(3)]
    way.repair()
    codes.append(requests.post(way.url, timeout=5).status_code)
    assert codes == [201, 503, 503, 201]
    assert len(neighbour.heard) == 2


def test_an_answer_is_lost_after_the_work_is_done_and_only_one(way, neighbour):
    way.break_at(1, proxy.DROP)
    with pytest.raises(requests.ConnectionError):
        requests.post(way.url, data=b"x", timeout=5)
    assert len(neighbour.heard) == 1
    assert requests.post(way.url, timeout=5).status_code == 201


def test_who_hangs_does_not_answer_even_when_it_is_repaired(way, neighbour):
    way.break_at(1, proxy.HANG)
    with futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(requests.get, way.url, timeout=10)
        with pytest.raises(futures.TimeoutError):
            asked.result(timeout=0.3)
        way.repair()
        with pytest.raises(requests.ConnectionError):
            asked.result(timeout=5)
    assert neighbour.heard == []


WALKS = {
    "stop": discovery.Walk(
        steps=[("api", "before send"), ("host", "power_off"), ("host", "stop")],
        calls=[("conductor", "Instance.save #2")],
        messages=[("api", "stop_instance")],
        requests={"neutron": 3, "glance": 0},
    )
}


def test_every_moment_of_every_operation_is_struck():
    moments = {name: walk.steps for name, walk in WALKS.items()}
    made = plan.deaths(moments, pauses=[0, 10], hosts=["host"])
    struck = [(each.fault.daemon, each.fault.moment, each.fault.pause) for each in made]
    assert struck == [
        ("api", "before send", 0),
        ("host", "power_off", 0),
        ("host", "power_off", 10),
        ("host", "stop", 0),
        ("host", "stop", 10),
    ]


def test_only_neighbours_that_are_asked_fail_and_at_a_request_that_comes():
    made = plan.neighbours(WALKS, random.Random(1), seconds=1)
    assert {(each.fault.service, each.fault.mode) for each in made} == {
        ("neutron", mode) for mode in proxy.MODES
    }
    assert all(1 <= each.fault.nth <= 3 for each in made)


def test_a_round_breaks_each_part_once_and_all_of_them_alone():
    stop = operations.ALL["stop"]
    first, again = faults.Death("a", "x"), faults.Death("a", "y")
    other, broker = faults.Death("b", "x"), faults.EngineKill("broker", 0)
    injections = [Injection(stop, each) for each in (first, again, broker, other)]
    made = [[each.fault for each in together] for together in plan.rounds_of(injections, 3)]
    assert made == [[first, other], [again], [broker]]


def test_a_few_injections_are_of_as_many_kinds():
    often = [faults.Death("conductor", f"step {number}", 0) for number in range(9)]
    seldom = [faults.Partition("host", 0.5, 30), faults.DiskFull(8)]
    injections = [Injection(operations.ALL["create"], fault) for fault in often + seldom]
    ordered = [each.fault for each in plan.of_all_kinds(injections)]
    assert ordered == [often[0], *seldom, *often[1:]]


def test_the_table_counts_what_ended_how():
    rows = [
        report.Row("stop", "kill api", "", report.RECOVERED, 1.0),
        report.Row("stop", "kill api", "", report.RECOVERED, 3.0),
        report.Row("stop", "kill api", "", report.LEAKED, 70.0, "a tap"),
    ]
    told = report.Report(rows)
    assert told.bad == rows[2:]
    line = next(line for line in told.table() if line.startswith("stop"))
    assert line.split() == ["stop", "kill", "api", "3", "2", "0", "0", "0", "0", "1", "0",
                            "2.0", "3.0"]  # fmt: skip


def test_an_order_is_obeyed_once(tmp_path, monkeypatch):
    monkeypatch.setattr(orders, "_directory", str(tmp_path))
    (tmp_path / "cast stop_instance").write_text("0")
    assert [orders.copies("stop_instance") for _ in range(2)] == [0, 1]


def test_an_order_for_the_third_time_waits_for_it(tmp_path, monkeypatch):
    monkeypatch.setattr(orders, "_directory", str(tmp_path))
    (tmp_path / "cast stop_instance").write_text("0 3")
    assert [orders.copies("stop_instance") for _ in range(4)] == [1, 1, 0, 1]
    assert list(tmp_path.iterdir()) == []


def test_moments_are_found_once_for_each_state_of_the_code(tmp_path, monkeypatch):
    walked = []

    def walk(_site, _fleet, operation):
        walked.append(operation.name)
        return WALKS["stop"]

    monkeypatch.setattr(discovery, "walk", walk)
    stop, kept = operations.ALL["stop"], tmp_path / "moments.json"
    first, again = (discovery.walks(None, None, [stop], kept)["stop"] for _ in range(2))
    monkeypatch.setattr(discovery, "_digest", lambda _directory: "other")
    discovery.walks(None, None, [stop], kept)
    assert walked == ["stop", "stop"]
    assert [tuple(step) for step in again.steps] == first.steps


def test_a_call_that_is_made_again_is_a_moment_of_its_own():
    log = """\
        [req-1] call Instance.save is done
        [req-2] call Service.check_in is done
        [req-1] call Instance.get_by_uuid is done
        [req-1] call Instance.save is done"""
    assert discovery._calls(log, "req-1") == ["Instance.save", "Instance.save #2"]


def test_a_cut_wire_holds_what_is_said_until_it_is_whole():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        wire = Wire(listener.getsockname()[1])
        with socket.create_connection(("127.0.0.1", wire.port)) as near:
            far, _ = listener.accept()
            wire.cut()
            near.sendall(b"hello")
            far.settimeout(0.2)
            with pytest.raises(TimeoutError):
                far.recv(10)
            threading.Timer(0.1, wire.mend).start()
            far.settimeout(5)
            begun = time.monotonic()
            assert far.recv(10) == b"hello"
            assert time.monotonic() - begun > 0.05
            far.close()
        wire.close()


# -- soak ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "flat"),
    [
        ([40, 50, 60, 70, 80, 100, 100, 101, 102], True),
        ([40, 50, 60, 70, 80, 50, 100, 55, 105], True),  # killed, and warm again
        ([40, 50, 60, 70, 80, 100, 110, 120, 130], False),
        ([40, 50, 60, 70, 80, 100], True),  # too short to say
    ],
)
def test_a_daemon_that_grows_is_told_from_one_that_was_killed(sizes, flat):
    assert soak._is_flat([{"other": 10, "host": size} for size in sizes]) == flat


class IdleSite:
    """Where nothing is asked for and something is found."""

    pause = 0
    found = ("a tap is in no switch",)

    def violations(self):
        return list(self.found)

    def forgive(self, violations):
        self.found = ()

    def disarm(self):
        pass


class NoFleet:
    def some(self, _number):
        return []

    crowds = some


def test_what_is_left_over_is_told_of_where_nothing_was_broken(monkeypatch):
    monkeypatch.setattr(rounds, "SECONDS", 0)
    (row,) = rounds.play(IdleSite(), NoFleet(), [], 3)
    assert (row.outcome, row.detail) == (report.LEAKED, "a tap is in no switch")


# -- rivals --------------------------------------------------------------------------------------


def outcomes(before: operations.Server, done: list[str], unknown: list[str] = ()):
    some = [[operations.ALL[name] for name in names] for names in (done, unknown)]
    return {(each.status, each.attached, each.ports) for each in rivals._possible(before, *some)}


def test_rivals_may_be_done_in_any_order():
    server = operations.Server("s", status="ACTIVE", ports=1)
    assert outcomes(server, []) == {("ACTIVE", 0, 1)}
    assert outcomes(server, ["stop", "attach volume"]) == {("SHUTOFF", 1, 1)}
    assert outcomes(server, ["stop", "hard reboot"]) == {("SHUTOFF", 0, 1), ("ACTIVE", 0, 1)}
    assert outcomes(server, ["stop", "delete"]) == {(None, 0, 0)}
    assert outcomes(server, ["stop"], ["detach interface"]) == {
        ("SHUTOFF", 0, 1),
        ("SHUTOFF", 0, 0),
    }
