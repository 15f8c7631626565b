"""The results of runs of Tempest: kept, judged by the list of known skips, and shown as a table."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from stacklib import files

_CLASS = re.compile(r"setUpClass \((?P<name>[\w.]+)\)$")
_PASSED, _SKIPPED, _FAILED, _NOT_RUN = "passed", "skipped", "failed", "not run"
_STATUSES = {"success": _PASSED, "xfail": _PASSED, "skip": _SKIPPED}


@dataclass(frozen=True)
class Result:
    """The newest result of a test. ``status``: "passed", "skipped" or "failed". ``reason``: why it
    was skipped, or its traceback. ``date`` and ``commit``: when it ran, and of which code."""

    test: str
    status: str
    seconds: float
    reason: str
    date: str
    commit: str


@dataclass
class Verdict:
    """``failures`` and ``unexplained`` skips are failures of the tier. ``stale``: entries of the
    list of skips that name tests which passed."""

    passed: int = 0
    skipped: int = 0
    failures: list[Result] = field(default_factory=list)
    unexplained: list[Result] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)


def name_of(listed: str) -> str:
    """The name of a test, without the tags in square brackets."""
    return listed.partition("[")[0]


def complete(
    rows: Iterable[Mapping], selected: Iterable[str], date: str, commit: str
) -> list[Result]:
    """Return a result for each selected test. A class that was skipped or failed as a whole stands
    for its tests; a test without any result has failed."""
    by_test = {name_of(row["test"]): row for row in rows}
    whole = {m["name"]: row for row in rows if (m := _CLASS.match(row["test"]))}
    lost = {"status": "lost", "seconds": 0.0, "reason": "there is no result: the worker ended"}
    results = []
    for test in selected:
        row = by_test.get(test) or whole.get(test.rpartition(".")[0]) or lost
        status = _STATUSES.get(row["status"], _FAILED)
        results.append(Result(test, status, row["seconds"], row["reason"].strip(), date, commit))
    return results


def read_skips(path: Path) -> dict[str, str]:
    """Return the known skips: a test or a class, and the reason."""
    return tomllib.loads(path.read_text())["skips"]


def judge(results: Iterable[Result], skips: Mapping[str, str]) -> Verdict:
    """Count the results. A skip is explained if the list names its test or its class."""
    verdict = Verdict()
    for result in results:
        named = [name for name in (result.test, result.test.rpartition(".")[0]) if name in skips]
        if result.status == _PASSED:
            verdict.passed += 1
            verdict.stale += [name for name in named if name not in verdict.stale]
        elif result.status == _FAILED:
            verdict.failures.append(result)
        else:
            verdict.skipped += 1
            if not named:
                verdict.unexplained.append(result)
    return verdict


def keep(path: Path, results: Iterable[Result]) -> list[Result]:
    """Replace the older results of the same tests in the file; return all."""
    known = {each["test"]: Result(**each) for each in _stored(path)}
    known |= {result.test: result for result in results}
    merged = sorted(known.values(), key=lambda result: result.test)
    files.write(path, json.dumps([asdict(result) for result in merged], indent=1) + "\n")
    return merged


def _stored(path: Path) -> list[dict]:
    return json.loads(path.read_text()) if path.exists() else []


def page(
    results: list[Result],
    listed: Collection[str],
    skips: Mapping[str, str],
    release: str,
    cloud: str,
) -> str:
    """Return the page of the documentation: a table by area, and each skip with its reason.
    ``listed``: all tests that there are; the page has no others."""
    results = [result for result in results if result.test in listed]
    dates = sorted({result.date for result in results})
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    commits = ", ".join(sorted({result.commit for result in results}))
    statuses = dict.fromkeys(listed, _NOT_RUN) | {each.test: each.status for each in results}
    counts = Counter((_area(test), status) for test, status in statuses.items())
    areas = sorted({area for area, _ in counts})
    lines = [_row(area, (counts[area, status] for status in _COLUMNS)) for area in areas]
    total = [sum(counts[area, status] for area in areas) for status in _COLUMNS]
    return _PAGE.format(
        release=release,
        when=when,
        commits=commits,
        cloud=cloud,
        rows="\n".join([*lines, _row("**all**", total)]),
        failed=_list_of_failures(results),
        skips=_list_of_skips(results, skips),
    )


_COLUMNS = (_PASSED, _FAILED, _SKIPPED, _NOT_RUN)

_PAGE = """\
# Tempest

Written by `tools/test --tier tempest`: OpenStack's own test suite, Tempest {release}, against the
cloud of `tools/stack`. Each test counts with its newest result.

* date: {when}
* commit: {commits}
* cloud: {cloud}

| tests | passed | failed | skipped | not run |
|---|---|---|---|---|
{rows}

## Failed

{failed}

## Skipped

{skips}
"""


def _area(test: str) -> str:
    """The package of a test of the API; the scenarios are one area."""
    package = re.match(r"tempest\.(scenario|api(\.(?!test_)\w+)+)", test)
    return f"`{package.group()}`" if package else test


def _row(area: str, numbers: Iterable[int]) -> str:
    return f"| {area} | {' | '.join(str(number) for number in numbers)} |"


def _list_of_failures(results: list[Result]) -> str:
    failed = [
        f"* `{each.test}`: {_last_line(each.reason)}" for each in results if each.status == _FAILED
    ]
    return "\n".join(failed) or "None."


def _last_line(reason: str) -> str:
    return reason.splitlines()[-1].strip() if reason else "no reason was given"


def _list_of_skips(results: list[Result], skips: Mapping[str, str]) -> str:
    counts: Counter[str] = Counter()
    for result in results:
        if result.status == _SKIPPED:
            whole = result.test.rpartition(".")[0]
            counts[result.test if result.test in skips else whole] += 1
    lines = [
        f"| `{name}` | {count} | {skips.get(name, 'no reason is known')} |"
        for name, count in sorted(counts.items())
    ]
    return "\n".join(["| test or class | tests | reason |", "|---|---|---|", *lines])
