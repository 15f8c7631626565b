"""The report of the doctor."""

from __future__ import annotations

import datetime
import json

from nova_mini import exception
from nova_mini.doctor import finding, report
from nova_mini.doctor.finding import Finding

_SINCE = datetime.datetime(2026, 1, 2, 3, 4, 5)
CHECKED = ["the database", "2 of 2 hypervisors"]


def _refuse() -> None:
    raise exception.Conflict("it has changed")


def _findings() -> list[Finding]:
    return [
        Finding("a", "server 1", "it is stuck", _SINCE, "is ended", lambda: None),
        Finding("b", "server 2", "it is broken"),
        Finding("a", "server 3", "it is stuck", None, "is ended", _refuse),
    ]


def test_the_report_of_a_healthy_cloud():
    assert report.as_text([], CHECKED, 9).splitlines() == [
        "Checked the database, 2 of 2 hypervisors.",
        "Nothing is stuck, leaked or inconsistent.",
    ]


def test_the_report_has_a_line_for_each_finding_and_a_summary():
    lines = report.as_text(_findings(), CHECKED, 9).splitlines()
    assert lines[0].startswith("a: server 1: it is stuck; since 2026-01-02 03:04:05 UTC (")
    assert lines[0].endswith(" days); with --fix it is ended")
    assert lines[1] == "a: server 3: it is stuck; with --fix it is ended"
    assert lines[2] == "b: server 2: it is broken; --fix cannot fix it"
    assert lines[4] == "3 found: 2 a, 1 b. 2 would be fixed by --fix."


def test_the_report_shows_the_outcome_of_each_fix():
    findings = _findings()
    finding.fix(findings)
    lines = report.as_text(findings, CHECKED, 9).splitlines()
    assert lines[0].endswith("; is ended: fixed")
    assert lines[1].endswith("; is ended: not fixed: it has changed")
    assert lines[4] == "3 found: 2 a, 1 b. 1 fixed, 1 could not be fixed."


def test_an_error_of_one_fix_does_not_prevent_the_others():
    def fail() -> None:
        raise ZeroDivisionError("s3cret")

    findings = [Finding("a", "x", "y", None, "is ended", fail), *_findings()]
    finding.fix(findings)
    assert [one.outcome for one in findings][:2] == ["not fixed: ZeroDivisionError", "fixed"]


def test_the_report_shows_a_limited_number_of_findings():
    many = [Finding("a", f"server {number}", "it is stuck") for number in range(30)]
    lines = report.as_text(many, CHECKED, 5).splitlines()
    assert len(lines) == 5 + 1 + 2
    assert lines[5] == "a: and 25 more"
    content = json.loads(report.as_json(many, CHECKED, 5))
    assert (len(content["findings"]), content["counts"]) == (5, {"a": 30})


def test_the_report_as_json():
    content = json.loads(report.as_json(_findings(), CHECKED, 9))
    assert content["looked_at"] == CHECKED
    assert content["findings"][0] == {
        "kind": "a",
        "subject": "server 1",
        "problem": "it is stuck",
        "since": "2026-01-02T03:04:05Z",
        "remedy": "is ended",
        "outcome": None,
    }
