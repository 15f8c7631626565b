"""tools/bench: its requests, its measurements and its comparisons."""

import http.server
import json
import subprocess
import sys
import threading

import pytest
from benchlib import auth, compare, lifecycle, load, own_share, processes, reads
from benchlib.compute import Compute
from benchlib.errors import BenchError


class Cloud(http.server.BaseHTTPRequestHandler):
    """The Compute API that the client needs: servers are ACTIVE (or in ERROR) at once."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    servers: dict[str, dict] = {}
    born = "ACTIVE"

    def log_message(self, *_):
        pass

    def respond(self, status, document=None):
        body = json.dumps(document).encode() if document is not None else b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        requested = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["server"]
        server = {"id": str(len(self.servers)).zfill(5), "status": self.born, **requested}
        self.servers[server["id"]] = server
        self.respond(202, {"server": {"id": server["id"]}})

    def do_DELETE(self):
        del self.servers[self.path.rpartition("/")[2]]
        self.respond(204)

    def do_GET(self):
        path, _, query = self.path.partition("?")
        last = path.rpartition("/")[2]
        if last in ("servers", "detail"):
            parameters = dict(pair.split("=") for pair in query.split("&") if pair)
            found = [s for s in self.servers.values() if parameters.get("name", "") in s["name"]]
            found = [s for s in found if parameters.get("status", s["status"]) == s["status"]]
            found = [s for s in found if s["id"] > parameters.get("marker", "")]
            self.respond(200, {"servers": found[: int(parameters.get("limit", 1000))]})
        elif last in self.servers:
            self.respond(200, {"server": self.servers[last]})
        else:
            self.respond(404, {"itemNotFound": {"code": 404, "message": "no such server"}})


@pytest.fixture
def cloud():
    handler = type("Handler", (Cloud,), {"servers": {}})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield handler, f"http://127.0.0.1:{server.server_port}/v2.1"
        server.shutdown()
        thread.join()


def compute_at(url, **options):
    return Compute(url, {}, image="image", flavor="flavor", **{"timeout": 2, **options})


def test_burst_makes_and_delete_removes_every_server(cloud):
    handler, url = cloud
    compute = compute_at(url)
    figures = lifecycle.burst(compute, 12, 4)
    lifecycle.check(figures)
    assert (figures["active"], figures["post"]["n"], len(handler.servers)) == (12, 12, 12)
    assert all(server["networks"] == "none" for server in handler.servers.values())
    figures = lifecycle.delete(compute, 4)
    lifecycle.check(figures)
    assert (figures["n"], figures["left"], handler.servers) == (12, 0, {})


def test_single_measures_every_server(cloud):
    handler, url = cloud
    figures = lifecycle.single(compute_at(url), 3)
    assert [figures[key]["n"] for key in ("post", "post_to_active", "delete_to_404")] == [3, 3, 3]
    assert figures["post_to_active"]["min_ms"] >= figures["post"]["min_ms"] > 0


def test_servers_in_error_fail_the_phase(cloud):
    handler, url = cloud
    handler.born = "ERROR"
    with pytest.raises(BenchError, match="'error': 5"):
        lifecycle.check(lifecycle.burst(compute_at(url, timeout=30), 5, 2))
    with pytest.raises(BenchError, match="ERROR"):
        lifecycle.single(compute_at(url), 1)


def test_ids_follow_pages(cloud, monkeypatch):
    handler, url = cloud
    monkeypatch.setattr("benchlib.compute.PAGE", 4)
    compute = compute_at(url)
    made = [compute.create(f"x-{number}") for number in range(10)]
    assert compute.ids("-x") == made


def test_show_reads_every_server_and_counts_bad_answers(cloud):
    handler, url = cloud
    compute = compute_at(url)
    for number in range(3):
        compute.create(f"x-{number}")
    figures = reads.show(compute, 2, 0.3)
    assert figures["servers"] == 3
    assert figures["c2"]["concurrency"] == 2 and figures["c2"]["req_per_s"] > 0
    assert figures["c1"]["non200"] == figures["c2"]["non200"] == 0
    missing = load.read_rate(compute, ["/servers/none"], 1, 0.2)
    assert missing["non200"] == missing["n"] > 0


def test_a_refused_connection_is_an_error_with_the_address():
    with pytest.raises(BenchError, match="127.0.0.1:1/v2.1/servers"):
        compute_at("http://127.0.0.1:1/v2.1").ids()


def test_distribution():
    figures = load.distribution([0.003, 0.001, 0.002])
    assert figures == {"n": 3, "median_ms": 2.0, "p95_ms": 3.0, "min_ms": 1.0, "max_ms": 3.0}
    assert load.distribution([]) == {"n": 0}


def test_cpu_and_memory_of_a_process_tree(tmp_path):
    work = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    burn = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n"
    argv = [sys.executable, "-c", work, burn + "print('burnt', flush=True)\ninput()"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        try:
            (tmp_path / "nova-mini-api.pid").write_text(f"{parent.pid}\n")
            assert parent.stdout.readline() == b"burnt\n"
            services = processes.find(tmp_path)
            assert len(services["nova-mini-api"]) == 2
            assert 0.3 <= processes.cpu_seconds(services)["nova-mini-api"] < 3
            memory = processes.memory(services)["nova-mini-api"]
            assert memory["procs"] == 2 and 0 < memory["pss_mb"] <= memory["rss_mb"]
        finally:
            parent.communicate(b"\n", timeout=10)


def run_with(phase, **figures):
    return {"results": [{"phase": phase, **figures}]}


def test_ratios_are_factors_of_improvement():
    ours = run_with("burst", n=100, servers_per_s=30.0, post={"median_ms": 10.0, "max_ms": 1})
    slow = run_with("burst", n=100, servers_per_s=1.5, post={"median_ms": 100.0, "max_ms": 9})
    fast = run_with("burst", n=100, servers_per_s=2.0, post={"median_ms": 50.0, "max_ms": 9})
    theirs = [dict(compare.figures(slow)), dict(compare.figures(fast))]
    compared = compare.ratios(dict(compare.figures(ours)), theirs)
    assert {name: row["ratio"] for name, row in compared.items()} == {
        "burst@100 servers_per_s": 15.0,
        "burst@100 post median_ms": 5.0,
    }


def test_runs_of_other_sizes_and_failed_phases_are_not_compared():
    ours = dict(compare.figures(run_with("list", bench_servers=1000, c1={"median_ms": 5.0})))
    other = dict(compare.figures(run_with("list", bench_servers=100, c1={"median_ms": 5.0})))
    failed = run_with("list", bench_servers=1000, c1={"median_ms": 1.0}, failed="why")
    assert compare.ratios(ours, [other, dict(compare.figures(failed))]) == {}


def test_cpu_of_the_compute_services_is_shown_for_each_operation():
    cpu = {"nova-api": 1.5, "placement": 0.5, "mariadb": 9.0}
    burst = run_with("burst", n=100, cpu_s=cpu)
    single = run_with("single", post={"n": 10}, delete_to_404={"n": 10}, cpu_s=cpu)
    show = run_with("show", servers=7, c1={"n": 100}, c8={"n": 300}, cpu_s=cpu)
    mixed = run_with("list", bench_servers=7, c1={"n": 10}, cpu_s=cpu)
    assert dict(compare.figures(burst)) == {"burst@100 control plane, each: cpu_ms": 20.0}
    assert dict(compare.figures(single)) == {"single control plane, each: cpu_ms": 200.0}
    assert dict(compare.figures(show)) == {"show@7 control plane, each: cpu_ms": 5.0}
    assert dict(compare.figures(mixed)) == {}


def test_memory_counts_the_compute_services_alone(tmp_path):
    file = tmp_path / "memory.json"
    entries = {"nova-api": 200.0, "nova-compute1": 100.5, "_nova_total": 300.5, "mariadb": 90.0}
    file.write_text(json.dumps({name: {"pss_mb": size} for name, size in entries.items()}))
    assert list(compare.read(file).values()) == [300.5]


def test_openrc(tmp_path):
    file = tmp_path / "openrc"
    file.write_text("# c\nexport OS_USERNAME=demo OS_PASSWORD='a b=c'\nexport PS1='x'\n")
    assert auth.read_openrc(file) == {"OS_USERNAME": "demo", "OS_PASSWORD": "a b=c"}
    with pytest.raises(BenchError, match="OS_AUTH_URL"):
        auth.keystone({})


def event(name: str, start: str, finish: str) -> dict:
    day = "2026-01-31T12:00:"
    return {"event": name, "start_time": f"{day}{start}", "finish_time": f"{day}{finish}"}


def test_waits_are_requests_and_the_times_of_ceph_libvirt_and_the_port():
    history = [
        event("conductor_schedule_and_build_instances", "00.000000", "00.100000"),
        event("request to glance: GET /v2/images/1", "01.000000", "01.250000"),
        event("InstanceBuild._build_resources", "01.000000", "02.000000"),
        event("RBDDriver.clone", "02.000000", "02.125000"),
        event("Guest.launch", "03.000000", "03.500000"),
        event("wait_for_instance_event", "03.500000", "04.500000"),
    ]
    found = [(who, round(over - begun, 6)) for who, begun, over in own_share.waits(history)]
    assert found == [
        ("glance", 0.25),
        ("ceph", 0.125),
        ("libvirt, create", 0.5),
        ("neutron, wiring the port", 1.0),
    ]


@pytest.mark.parametrize(
    ("spans", "seconds"),
    [
        ([], 0),
        ([(1, 2), (4, 7)], 4),
        ([(4, 7), (1, 2)], 4),
        ([(1, 5), (2, 3), (4, 6)], 5),  # inside and overlapping
    ],
)
def test_waits_at_the_same_time_are_one(spans, seconds):
    assert own_share.covered([("glance", *span) for span in spans]) == seconds


def test_own_is_the_time_without_waits_in_the_history(cloud, monkeypatch):
    compute = compute_at(cloud[1])
    times = iter([0.0, 0.5, 10.0, 10.7])
    monkeypatch.setattr(own_share.time, "perf_counter", lambda: next(times))
    waited = [event("request to neutron: POST /v2.0/ports", "01.000000", "01.200000")]
    monkeypatch.setattr(own_share, "events_of", lambda *_: waited)
    result = own_share.own_share(compute, 2)
    assert (result["own"]["min_ms"], result["own"]["max_ms"]) == (300, 500)
    assert result["waits_ms"] == {"neutron": 200.0}
    assert compute.ids() == []
