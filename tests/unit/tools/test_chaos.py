"""tools/chaos: the proxy, the plan of the faults, the verdicts, the report."""

from __future__ import annotations

import random
import socket
import threading
import time
from concurrent import futures

import pytest
import requests

from nova_mini import faults as orders
from tests.chaos import (
    concurrent_requests,
    discovery,
    faults,
    operations,
    plan,
    proxy,
    report,
    rounds,
    soak,
    tenant,
)
from tests.chaos.rounds import Injection
from tests.chaos.wire import Wire
from tests.unit.rest_server import running


class Service:
    def __init__(self):
        self.received: list[tuple[str, str, bytes]] = []

    def respond(self, method, path, query, headers, body):
        self.received.append((method, path, body))
        return 201, {"echo": body.decode()}


@pytest.fixture
def service():
    return Service()


@pytest.fixture
def proxied(service):
    with running(service.respond) as url, proxy.Proxy(url + "/v2").running() as made:
        yield made


def test_a_proxy_forwards_requests_and_responses(proxied, service):
    response = requests.put(f"{proxied.url}/ports/1", data=b"hello", timeout=5)
    assert (response.status_code, response.json()) == (201, {"echo": "hello"})
    assert service.received == [("PUT", "/v2/ports/1", b"hello")]


def test_a_proxy_responds_with_503_from_the_nth_request_until_it_is_repaired(proxied, service):
    proxied.break_at(2, proxy.UNAVAILABLE)
    codes = [requests.post(proxied.url, data=b"x", timeout=5).status_code for _ in range(3)]
    proxied.repair()
    codes.append(requests.post(proxied.url, timeout=5).status_code)
    assert codes == [201, 503, 503, 201]
    assert len(service.received) == 2


def test_a_proxy_drops_one_response_after_forwarding_the_request(proxied, service):
    proxied.break_at(1, proxy.DROP)
    with pytest.raises(requests.ConnectionError):
        requests.post(proxied.url, data=b"x", timeout=5)
    assert len(service.received) == 1
    assert requests.post(proxied.url, timeout=5).status_code == 201


def test_a_request_that_hangs_gets_no_response_after_the_repair(proxied, service):
    proxied.break_at(1, proxy.HANG)
    with futures.ThreadPoolExecutor(1) as pool:
        response = pool.submit(requests.get, proxied.url, timeout=10)
        with pytest.raises(futures.TimeoutError):
            response.result(timeout=0.3)
        proxied.repair()
        with pytest.raises(requests.ConnectionError):
            response.result(timeout=5)
    assert service.received == []


WALKS = {
    "stop": discovery.Walk(
        steps=[("api", "before send"), ("host", "power_off"), ("host", "stop")],
        calls=[("conductor", "Instance.save #2")],
        messages=[("api", "stop_instance")],
        requests={"neutron": 3, "glance": 0},
    )
}


def test_the_plan_has_a_death_at_every_point():
    points = {name: walk.steps for name, walk in WALKS.items()}
    made = plan.deaths(points, pauses=[0, 10], hosts=["host"])
    injected = [(each.fault.daemon, each.fault.point, each.fault.pause) for each in made]
    assert injected == [
        ("api", "before send", 0),
        ("host", "power_off", 0),
        ("host", "power_off", 10),
        ("host", "stop", 0),
        ("host", "stop", 10),
    ]


def test_a_common_step_is_killed_in_some_operations_and_an_own_one_in_its_own():
    common = ("api", "send")
    points = {name: [common, ("host", name)] for name in ("stop", "start", "pause", "resume")}
    made = plan.thinned(points, random.Random(1), most=2)
    assert sum(common in places for places in made.values()) == 2
    assert all(("host", name) in places for name, places in made.items())


def test_the_plan_has_faults_only_of_services_that_get_requests():
    made = plan.external_services(WALKS, random.Random(1), seconds=1)
    assert {(each.fault.service, each.fault.mode) for each in made} == {
        ("neutron", mode) for mode in proxy.MODES
    }
    assert all(1 <= each.fault.nth <= 3 for each in made)


def test_a_round_has_one_fault_for_each_part_and_engines_have_their_own_round():
    stop = operations.ALL["stop"]
    first, again = faults.Death("a", "x"), faults.Death("a", "y")
    other, broker = faults.Death("b", "x"), faults.EngineKill("broker", 0)
    injections = [Injection(stop, each) for each in (first, again, broker, other)]
    made = [[each.fault for each in together] for together in plan.rounds_of(injections, 3)]
    assert made == [[first, other], [again], [broker]]


def test_each_node_fails_in_each_way_as_source_and_as_destination():
    walks = dict.fromkeys(("migrate", "evacuate"), WALKS["stop"])
    made = plan.nodes(walks, random.Random(1), ["n1", "n2"], victims=["n2"])
    found = {(each.operation.name, each.fault.verb, each.fault.host, each.host) for each in made}
    assert found == {
        ("migrate", verb, "n2", host) for verb in faults.NODE_FAULTS for host in ("n1", "n2")
    }
    assert [len(each) for each in plan.rounds_of(made, 3)] == [1] * len(made)


def test_nothing_runs_beside_an_operation_that_takes_a_host():
    stop, evacuate = operations.ALL["stop"], operations.ALL["evacuate"]
    death = faults.Death("a", "x")
    assert Injection(evacuate, death).needs_quiet
    assert not Injection(stop, death).needs_quiet
    together = [Injection(evacuate, death), Injection(stop, faults.Death("b", "x"))]
    assert [len(each) for each in plan.rounds_of(together, 2)] == [1, 1]


class FakeCloud:
    def __init__(self, hosts: int, keeps_deleted: bool):
        self.hosts = [f"n{number}" for number in range(hosts)]
        self.keeps_deleted = keeps_deleted


def test_a_cloud_has_the_operations_for_which_it_is_made():
    def names(site) -> set[str]:
        return {each.name for each in operations.ALL.values() if each.is_of(site)}

    every = set(operations.ALL)
    assert every - names(FakeCloud(2, keeps_deleted=False)) == {
        "soft delete",
        "restore",
        "force delete",
    }
    assert {"migrate", "evacuate"}.isdisjoint(names(FakeCloud(1, keeps_deleted=True)))
    assert names(FakeCloud(2, keeps_deleted=True)) == every


class OneOfSeveral:
    """A daemon that obeys its orders when it is told so."""

    def __init__(self, name: str):
        self.logs = [name]
        self.orders: set[str] = set()

    def inject_at(self, point, _order, _pause):
        self.orders.add(point)

    def is_injected(self, point):
        return point not in self.orders

    def disarm(self):
        self.orders.clear()


def test_the_first_of_several_daemons_that_comes_to_a_point_is_killed():
    units = pytest.importorskip("tests.chaos.units")  # needs libvirt's module
    first, second = OneOfSeveral("first"), OneOfSeveral("second")
    both = units.Parallel([first, second])
    both.inject_at("send", "SIGKILL", 0)
    assert not both.is_injected("send")
    second.orders.clear()
    assert both.is_injected("send")
    assert not first.orders
    assert both.logs == ["first", "second"]


def test_one_injection_of_each_kind_comes_first():
    often = [faults.Death("conductor", f"step {number}", 0) for number in range(9)]
    seldom = [faults.Partition("host", 0.5, 30), faults.DiskFull(8)]
    injections = [Injection(operations.ALL["create"], fault) for fault in often + seldom]
    ordered = [each.fault for each in plan.of_all_kinds(injections)]
    assert ordered == [often[0], *seldom, *often[1:]]


def test_the_table_counts_the_outcomes():
    rows = [
        report.Row("stop", "kill api", "", report.RECOVERED, 1.0),
        report.Row("stop", "kill api", "", report.RECOVERED, 3.0),
        report.Row("stop", "kill api", "", report.LEAKED, 70.0, "a tap"),
    ]
    summary = report.Report(rows)
    assert summary.bad == rows[2:]
    line = next(line for line in summary.table() if line.startswith("stop"))
    assert line.split() == [
        "stop",
        "kill",
        "api",
        "3",
        "2",
        "0",
        "0",
        "0",
        "0",
        "1",
        "0",
        "2.0",
        "3.0",
    ]


def test_an_ordered_fault_is_injected_once(tmp_path, monkeypatch):
    monkeypatch.setattr(orders, "_directory", str(tmp_path))
    (tmp_path / "cast stop_instance").write_text("0")
    assert [orders.copies("stop_instance") for _ in range(2)] == [0, 1]


def test_a_fault_can_be_ordered_for_the_third_pass(tmp_path, monkeypatch):
    monkeypatch.setattr(orders, "_directory", str(tmp_path))
    (tmp_path / "cast stop_instance").write_text("0 3")
    assert [orders.copies("stop_instance") for _ in range(4)] == [1, 1, 0, 1]
    assert list(tmp_path.iterdir()) == []


def test_points_are_discovered_again_when_the_code_changes(tmp_path, monkeypatch):
    walked = []

    def walk(_site, _fleet, operation):
        walked.append(operation.name)
        return WALKS["stop"]

    monkeypatch.setattr(discovery, "walk", walk)
    stop, kept = operations.ALL["stop"], tmp_path / "points.json"
    first, again = (discovery.walks(None, None, [stop], kept)["stop"] for _ in range(2))
    monkeypatch.setattr(discovery, "_digest", lambda _directory: "other")
    discovery.walks(None, None, [stop], kept)
    assert walked == ["stop", "stop"]
    assert [tuple(step) for step in again.steps] == first.steps


def test_repeated_calls_are_separate_points():
    log = """\
        [req-1] call Instance.save is done
        [req-2] call Service.check_in is done
        [req-1] call Instance.get_by_uuid is done
        [req-1] call Instance.save is done"""
    assert discovery._calls(log, "req-1") == ["Instance.save", "Instance.save #2"]


def test_a_cut_wire_delivers_data_after_the_repair():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        wire = Wire(listener.getsockname()[1])
        with socket.create_connection(("127.0.0.1", wire.port)) as near:
            far, _ = listener.accept()
            wire.cut()
            near.sendall(b"hello")
            far.settimeout(0.2)
            with pytest.raises(TimeoutError):
                far.recv(10)
            threading.Timer(0.1, wire.repair).start()
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
def test_a_growing_daemon_is_distinguished_from_a_killed_one(sizes, flat):
    assert soak._is_flat([{"other": 10, "host": size} for size in sizes]) == flat


class IdleSite:
    """A site without servers that has a violation."""

    pause = 0
    recovery_seconds = 0
    lost_power = False
    found = ("a tap is in no switch",)

    def violations(self):
        return list(self.found)

    def forgive(self, violations):
        self.found = ()

    def disarm(self):
        pass

    bring_back = disarm


class NoFleet:
    def take_some(self, _number):
        return []

    take_for_concurrent = take_some


def test_a_leak_is_reported_in_a_round_without_faults():
    (row,) = rounds.play(IdleSite(), NoFleet(), [], 3)
    assert (row.outcome, row.detail) == (report.LEAKED, "a tap is in no switch")


# -- concurrent requests -------------------------------------------------------------------------


def outcomes(before: operations.Server, done: list[str], unknown: list[str] = ()):
    some = [[operations.ALL[name] for name in names] for names in (done, unknown)]
    possible = concurrent_requests._possible(before, *some)
    return {(each.status, each.attached, each.ports) for each in possible}


def test_concurrent_requests_may_be_executed_in_any_order():
    server = operations.Server("s", status="ACTIVE", ports=1)
    assert outcomes(server, []) == {("ACTIVE", 0, 1)}
    assert outcomes(server, ["stop", "attach volume"]) == {("SHUTOFF", 1, 1)}
    assert outcomes(server, ["stop", "hard reboot"]) == {("SHUTOFF", 0, 1), ("ACTIVE", 0, 1)}
    assert outcomes(server, ["stop", "delete"]) == {(None, 0, 0)}
    assert outcomes(server, ["stop"], ["detach interface"]) == {
        ("SHUTOFF", 0, 1),
        ("SHUTOFF", 0, 0),
    }


# -- texts of tenants ------------------------------------------------------------------------------


def test_the_texts_of_a_server_depend_only_on_its_name():
    names = [f"chaos-{number}" for number in range(40)]
    assert all(tenant.words(name) == tenant.words(name) for name in names)
    notes = {tenant.words(name)["metadata"]["note"] for name in names}
    assert len(notes) > len(tenant.TEXTS) // 2


def test_a_changed_text_is_detected():
    server = {**tenant.words("chaos-1"), "status": "ACTIVE"}
    assert tenant.are_kept(server, "chaos-1")
    for name, changed in (("description", ""), ("metadata", {}), ("tags", [])):
        assert not tenant.are_kept({**server, name: changed}, "chaos-1")
