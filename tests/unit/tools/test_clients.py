"""tools/test --tier clients: how the reports are read, judged and shown."""

import pytest
from testlib.clients import results
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


def test_only_failures_of_the_list_are_known(found):
    verdict = judge(found, {TWO: "its own", ONE: "it was once"})
    assert (verdict.passed, verdict.skipped) == (1, 1)
    assert verdict.known == (TWO,)
    assert verdict.failures == (FOUR, "a.test_b")
    assert verdict.stale == (ONE,)


def test_the_page_names_each_failure(found):
    text = results.page([judge(found, {TWO: "its own"})], {"suite": {TWO: "its own"}})
    assert "| suite 1.0 | 2026-12-01, abc | 1 | 2 | 1 | 1 |" in text
    assert f"* `{TWO}`: its own" in text
    assert f"* `{FOUR}`" in text


def test_the_list_has_only_suites_that_are_run():
    known = results.read_known(KNOWN)
    assert set(known) <= {suite.name for suite in SUITES}
    assert all(reason for of_suite in known.values() for reason in of_suite.values())
