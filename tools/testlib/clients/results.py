"""The results of the suites: read from their reports, judged, and shown as a table."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

PASSED, SKIPPED, FAILED = "passed", "skipped", "failed"


@dataclass(frozen=True)
class Result:
    """The result of a test. ``reason``: why it was skipped or failed. ``seconds``: how long it
    took, on average, if that is of interest."""

    test: str
    status: str
    reason: str = ""
    seconds: float | None = None


@dataclass(frozen=True)
class Verdict:
    """The results of one suite. ``known``: failures whose reasons are in the list; ``failures``:
    all others; ``stale``: tests in the list that passed. ``date``: of the run; ``commit``: the code
    of the cloud. ``seconds``: of the tests whose time is of interest."""

    suite: str
    release: str
    date: str
    commit: str
    passed: int
    skipped: int
    known: tuple[str, ...]
    failures: tuple[str, ...]
    stale: tuple[str, ...]
    seconds: Mapping[str, float] = field(default_factory=dict)


def read_report(path: Path) -> list[Result]:
    """Return the results in a report that pytest has written; none if there is no report. What
    failed before a test (an import, for example) counts as a test that failed."""
    if not path.exists():
        return []
    return [_result(case) for case in ElementTree.parse(path).getroot().iter("testcase")]


def _result(case: ElementTree.Element) -> Result:
    name = ".".join(part for part in (case.get("classname"), case.get("name")) if part)
    for tag, status in (("error", FAILED), ("failure", FAILED), ("skipped", SKIPPED)):
        found = case.find(tag)
        if found is not None:
            return Result(name, status, found.get("message") or (found.text or "").strip())
    return Result(name, PASSED)


def with_command(results: list[Result], ended_well: bool) -> list[Result]:
    """Add a failure to the results of a suite if its command failed, but none of its tests: some of
    them have not run."""
    if ended_well or any(each.status == FAILED for each in results):
        return results
    return [*results, Result("the command of the suite", FAILED, "it failed, though no test did")]


def read_known(path: Path) -> dict[str, dict[str, str]]:
    """Return the known failures: for each suite, the tests and the reasons."""
    return tomllib.loads(path.read_text())


def judge(
    suite: str,
    release: str,
    results: Iterable[Result],
    known: Mapping[str, str],
    date: str,
    commit: str,
) -> Verdict:
    """Count the results; divide the failures into those of the list and all others."""
    found = list(results)
    failed = [each.test for each in found if each.status == FAILED]
    passed = [each.test for each in found if each.status == PASSED]
    return Verdict(
        suite=suite,
        release=release,
        date=date,
        commit=commit,
        passed=len(passed),
        skipped=sum(each.status == SKIPPED for each in found),
        known=tuple(test for test in failed if test in known),
        failures=tuple(test for test in failed if test not in known),
        stale=tuple(test for test in passed if test in known),
        seconds={each.test: each.seconds for each in found if each.seconds is not None},
    )


def page(
    verdicts: Iterable[Verdict], about: Mapping[str, str], known: Mapping[str, Mapping[str, str]]
) -> str:
    """Return the page of the documentation: the table of the suites, and the known failures.
    ``about``: what each suite runs."""
    verdicts = list(verdicts)
    rows = "\n".join(_row(each, about[each.suite]) for each in verdicts)
    reasons = [f"* `{test}`: {known[each.suite][test]}" for each in verdicts for test in each.known]
    new = [f"* `{test}`" for each in verdicts for test in each.failures]
    times = [
        f"| `{test}` | {seconds:.1f} |"
        for each in verdicts
        for test, seconds in each.seconds.items()
    ]
    return _PAGE.format(
        rows=rows,
        known="\n".join(reasons) or "None.",
        new="\n".join(new) or "None.",
        times="\n".join(times) or "| none | |",
    )


def _row(verdict: Verdict, about: str) -> str:
    cells = (
        f"{verdict.suite} {verdict.release}",
        about,
        f"{verdict.date}, {verdict.commit}",
        verdict.passed,
        len(verdict.failures),
        len(verdict.known),
        verdict.skipped,
    )
    return f"| {' | '.join(str(cell) for cell in cells)} |"


_PAGE = """\
# Suites of clients

Written by `tools/test --tier clients`: programs that others wrote, from their packages on PyPI,
against `tools/stack up --virt-driver fake`.

| suite | what runs | date, commit | passed | failed | failed by itself | skipped |
|---|---|---|---|---|---|---|
{rows}

## Failed

{new}

## Failed by itself

The cause is in the test, or in what it expects around the cloud.

{known}

## Scenarios of Rally

The seconds are the mean of the iterations, on the machine of the run. Rally looks at the state of a
server once a second.

| scenario | seconds |
|---|---|
{times}
"""
