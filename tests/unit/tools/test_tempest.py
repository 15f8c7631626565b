"""tools/test --tier tempest: how the results are completed, judged, kept and shown."""

import pytest
from testlib.tempest import results
from testlib.tempest.tier import SKIPS

A = "tempest.api.compute.servers.test_a.TestA.test_one"
B = "tempest.api.compute.servers.test_b.TestB.test_two"
C = "tempest.scenario.test_c.TestC.test_three"

D = "tempest.api.compute.test_d.TestD.test_four"


def row(test, status, reason=""):
    return {"test": test, "status": status, "seconds": 1.5, "reason": reason}


def complete(*rows, selected=(A, B)):
    return results.complete(rows, selected, "2026-12-01", "abc")


def test_tags_are_not_part_of_a_name():
    assert results.name_of(f"{A}[id-1,smoke]") == A


def test_a_test_has_its_own_result():
    found = complete(row(f"{A}[id-1]", "success"), row(B, "fail", "Traceback\n  why\n"))
    assert [each.status for each in found] == ["passed", "failed"]
    assert found[1].reason == "Traceback\n  why"


@pytest.mark.parametrize(("status", "expected"), [("skip", "skipped"), ("fail", "failed")])
def test_a_class_stands_for_its_tests(status, expected):
    whole = row("setUpClass (tempest.api.compute.servers.test_a.TestA)", status, "no SPICE")
    first, second = complete(whole, row(B, "success"))
    assert (first.test, first.status, first.reason) == (A, expected, "no SPICE")
    assert second.status == "passed"


def test_a_test_without_a_result_has_failed():
    assert [each.status for each in complete(row(A, "success"))] == ["passed", "failed"]


def test_an_unexpected_success_is_a_failure():
    assert complete(row(A, "uxsuccess"), selected=(A,))[0].status == "failed"


@pytest.mark.parametrize("named", [A, A.rpartition(".")[0]])
def test_a_skip_is_explained_by_its_test_or_class(named):
    verdict = results.judge(complete(row(A, "skip"), row(B, "success")), {named: "because"})
    assert (verdict.passed, verdict.skipped, verdict.unexplained) == (1, 1, [])


def test_a_skip_without_a_reason_is_named():
    verdict = results.judge(complete(row(A, "skip", "why"), row(B, "fail")), {B: "because"})
    assert [each.test for each in verdict.unexplained] == [A]
    assert [each.test for each in verdict.failures] == [B]


def test_an_entry_of_a_test_that_passed_is_stale():
    assert results.judge(complete(row(A, "success"), selected=(A,)), {A: "no"}).stale == [A]


def test_the_newest_results_are_kept(tmp_path):
    file = tmp_path / "results.json"
    results.keep(file, complete(row(A, "fail"), row(B, "success")))
    kept = results.keep(file, complete(row(A, "success"), selected=(A,)))
    assert [(each.test, each.status) for each in kept] == [(A, "passed"), (B, "passed")]


def test_page_counts_areas_and_names_failures_and_skips():
    rows = (row(A, "skip", "x"), row(B, "fail", "Traceback\nTimeout: too late"), row(C, "success"))
    found = complete(*rows, selected=(A, B, C))
    text = results.page(found, [A, B, C, D], {A: "no SPICE"}, "47", "two nodes")
    assert "| `tempest.api.compute.servers` | 0 | 1 | 1 | 0 |" in text
    assert "| `tempest.api.compute` | 0 | 0 | 0 | 1 |" in text
    assert "| `tempest.scenario` | 1 | 0 | 0 | 0 |" in text
    assert "| **all** | 1 | 1 | 1 | 1 |" in text
    assert f"* `{B}`: Timeout: too late" in text
    assert f"| `{A}` | 1 | no SPICE |" in text


def test_the_list_of_skips_has_a_reason_for_each_entry():
    skips = results.read_skips(SKIPS)
    assert all(name.startswith("tempest.") and reason for name, reason in skips.items())
