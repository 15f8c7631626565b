"""tools/test --tier clients: how the reports are read, judged and shown."""

import json

import pytest
from stacklib.stack import Choices, Stack
from testlib.clients import results
from testlib.clients.place import Place
from testlib.clients.playbooks import Playbooks
from testlib.clients.rally import Rally
from testlib.clients.suites import SUITES
from testlib.clients.tier import KNOWN

REPORT = """\
<testsuites><testsuite name="pytest">
<testcase classname="a.test_a.TestA" name="test_one" />
<testcase classname="a.test_a.TestA" name="test_two"><failure message="409" /></testcase>
<testcase classname="a.test_a.TestA" name="test_three"><skipped message="not here" /></testcase>
<testcase classname="a.test_a.TestA" name="test_four"><error message="in setup" /></testcase>
<testcase classname="" name="a.test_b"><error>import</error></testcase>
</testsuite></testsuites>
"""
ONE, TWO, FOUR = (f"a.test_a.TestA.test_{number}" for number in ("one", "two", "four"))


@pytest.fixture
def found(tmp_path):
    path = tmp_path / "report.xml"
    path.write_text(REPORT)
    return results.read_report(path)


def judge(found, known):
    return results.judge("suite", "1.0", found, known, "2026-12-01", "abc")


def test_the_report_has_a_result_for_each_test(found):
    assert [(each.test, each.status, each.reason) for each in found] == [
        (ONE, "passed", ""),
        (TWO, "failed", "409"),
        ("a.test_a.TestA.test_three", "skipped", "not here"),
        (FOUR, "failed", "in setup"),
        ("a.test_b", "failed", "import"),
    ]


def test_a_suite_without_a_report_has_no_results(tmp_path):
    assert results.read_report(tmp_path / "none.xml") == []


def test_a_command_that_failed_is_a_failure_if_no_test_is(found):
    passed = found[:1]
    assert results.with_command(found, False) == found
    assert results.with_command(passed, True) == passed
    assert [each.status for each in results.with_command(passed, False)] == ["passed", "failed"]


def test_only_failures_of_the_list_are_known(found):
    verdict = judge(found, {TWO: "its own", ONE: "it was once"})
    assert (verdict.passed, verdict.skipped) == (1, 1)
    assert verdict.known == (TWO,)
    assert verdict.failures == (FOUR, "a.test_b")
    assert verdict.stale == (ONE,)


def test_the_page_names_each_failure(found):
    verdict = judge(found, {TWO: "its own"})
    text = results.page([verdict], {"suite": "its tests"}, {"suite": {TWO: "its own"}})
    assert "| suite 1.0 | its tests | 2026-12-01, abc | 1 | 2 | 1 | 1 |" in text
    assert f"* `{TWO}`: its own" in text
    assert f"* `{FOUR}`" in text


def test_the_list_has_only_suites_that_are_run():
    known = results.read_known(KNOWN)
    assert set(known) <= {suite.name for suite in SUITES}
    assert all(reason for of_suite in known.values() for reason in of_suite.values())


TASKS = """\
<testsuites><testsuite name="create">
<testcase classname="create.yml:9" name="[localhost] Create: keypair" />
<testcase classname="create.yml:14" name="[localhost] Create: server with a port"><failure
  message="changed" /></testcase>
</testsuite></testsuites>
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("NOVA_MINI_STACK_DIR", str(tmp_path))
    return Place(Stack(Choices()), "suite", tmp_path)


def test_a_task_of_a_playbook_is_a_test_of_its_run(place):
    suite = Playbooks()
    suite.commands(place)
    (place.directory / "create-again" / "create-1.xml").write_text(TASKS)
    assert suite.results(place)[1:3] == [
        results.Result("create again: keypair", "passed"),
        results.Result("create again: server with a port", "failed", "changed"),
    ]
    suite.commands(place)  # reports of older runs do not count
    runs = ("create", "create again", "delete", "delete again")
    assert [(each.test, each.status) for each in suite.results(place)] == [
        (f"{run}: all", "failed") for run in runs
    ]


def test_each_playbook_runs_twice_and_may_change_nothing_then(place):
    commands = Playbooks().commands(place)
    playbooks = [command[-1].rpartition("/")[2] for command in commands]
    assert playbooks == ["create.yml", "create.yml", "delete.yml", "delete.yml"]
    strict = ["JUNIT_FAIL_ON_CHANGE=true" in command for command in commands]
    assert strict == [False, True, False, True]


def workload(name, iterations, sla=True, detail=""):
    return {
        "scenario": {f"NovaServers.{name}": {}},
        "data": [{"duration": seconds, "error": error} for seconds, error in iterations],
        "pass_sla": sla,
        "total_iteration_count": len(iterations),
        "sla_results": {"sla": [{"success": sla, "detail": detail}]},
    }


def test_a_scenario_passes_when_each_iteration_does(place):
    workloads = [
        workload("boot_server", [(2.0, []), (3.0, [])]),
        workload("resize_server", [(2.0, ["GetResourceErrorStatus", "ERROR", "..."])], sla=False),
        workload("list_servers", [], sla=False, detail="none ran"),
        workload("snapshot_server", []),
    ]
    report = {"tasks": [{"subtasks": [{"workloads": workloads}]}]}
    (place.directory / "report.json").write_text(json.dumps(report))
    assert Rally().results(place) == [
        results.Result("NovaServers.boot_server", "passed", "", 2.5),
        results.Result("NovaServers.resize_server", "failed", "GetResourceErrorStatus ERROR", 2.0),
        results.Result("NovaServers.list_servers", "failed", "none ran", 0.0),
        results.Result("NovaServers.snapshot_server", "failed", "no iteration ran", 0.0),
    ]


def test_the_commands_of_rally_hold_no_password(place):
    commands = Rally().commands(place)
    password = place.stack.secrets["user-admin"]
    assert not any(password in word for command in commands for word in command)
    cloud = place.directory / "cloud.json"
    assert password in cloud.read_text()
    assert cloud.stat().st_mode & 0o077 == 0


def test_the_page_shows_the_seconds_of_scenarios():
    found = [results.Result("NovaServers.boot_server", "passed", seconds=2.54)]
    text = results.page([judge(found, {})], {"suite": "its tests"}, {"suite": {}})
    assert "| `NovaServers.boot_server` | 2.5 |" in text
