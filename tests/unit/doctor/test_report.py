"""What an operator reads."""

from __future__ import annotations

import datetime
import json

from nova_mini import exception
from nova_mini.doctor import finding, report
from nova_mini.doctor.finding import Finding

_SINCE = datetime.datetime(2026, 1, 2, 3, 4, 5)
LOOKED_AT = ["the database", "2 of 2 hypervisors"]


def _refuse() -> None:
    raise exception.Conflict("it has changed")


def _findings() -> list[Finding]:
    return [
        Finding("a", "server 1", "it is stuck", _SINCE, "is ended", lambda: None),
        Finding("b", "server 2", "it is broken"),
        Finding("a", "server 3", "it is stuck", None, "is ended", _refuse),
    ]


def test_nothing_is_wrong():
    assert report.as_text([], LOOKED_AT, 9).splitlines() == [
        "Looked at the database, 2 of 2 hypervisors.",
        "Nothing is stuck, leaked or inconsistent.",
    ]


def test_a_line_for_each_and_a_summary():
    lines = report.as_text(_findings(), LOOKED_AT, 9).splitlines()
    assert lines[0].startswith("a: server 1: it is stuck; since 2026-01-02 03:04:05 UTC (")
    assert lines[0].endswith(" days); with --fix it is ended")
    assert lines[1] == "a: server 3: it is stuck; with --fix it is ended"
    assert lines[2] == "b: server 2: it is broken; --fix leaves it"
    assert lines[4] == "3 found: 2 a, 1 b. 2 would be fixed by --fix."


def test_what_was_done_about_it():
    findings = _findings()
    finding.fix(findings)
    lines = report.as_text(findings, LOOKED_AT, 9).splitlines()
    assert lines[0].endswith("; is ended: fixed")
    assert lines[1].endswith("; is ended: not fixed: it has changed")
    assert lines[4] == "3 found: 2 a, 1 b. 1 fixed, 1 could not be fixed."


def test_an_error_of_ours_keeps_no_other_cure():
    def fail() -> None:
        raise ZeroDivisionError("s3cret")

    findings = [Finding("a", "x", "y", None, "is ended", fail), *_findings()]
    finding.fix(findings)
    assert [one.outcome for one in findings][:2] == ["not fixed: ZeroDivisionError", "fixed"]


def test_the_output_is_bounded():
    many = [Finding("a", f"server {number}", "it is stuck") for number in range(30)]
    lines = report.as_text(many, LOOKED_AT, 5).splitlines()
    assert len(lines) == 5 + 1 + 2
    assert lines[5] == "a: and 25 more"
    told = json.loads(report.as_json(many, LOOKED_AT, 5))
    assert (len(told["findings"]), told["counts"]) == (5, {"a": 30})


def test_json_for_programs():
    told = json.loads(report.as_json(_findings(), LOOKED_AT, 9))
    assert told["looked_at"] == LOOKED_AT
    assert told["findings"][0] == {
        "kind": "a",
        "subject": "server 1",
        "problem": "it is stuck",
        "since": "2026-01-02T03:04:05Z",
        "remedy": "is ended",
        "outcome": None,
    }
