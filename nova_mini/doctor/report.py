"""The report of the doctor: one line for each finding and a summary, or JSON."""

from __future__ import annotations

import collections
import datetime
import json
from collections.abc import Iterator, Sequence

from nova_mini.doctor.finding import Finding


def as_json(findings: Sequence[Finding], checked: Sequence[str], limit: int) -> str:
    """JSON with at most ``limit`` findings of each kind, and the counts of all findings."""
    return json.dumps(
        {
            "looked_at": list(checked),
            "counts": collections.Counter(finding.kind for finding in findings),
            "findings": [
                one.as_dict() for ones in _by_kind(findings).values() for one in ones[:limit]
            ],
        },
        indent=2,
    )


def as_text(findings: Sequence[Finding], checked: Sequence[str], limit: int) -> str:
    """Text with at most ``limit`` findings of each kind."""
    return "\n".join([*_lines(findings, limit), *_summary(findings, checked)])


def _by_kind(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    kinds: dict[str, list[Finding]] = {}
    for finding in findings:
        kinds.setdefault(finding.kind, []).append(finding)
    return kinds


def _lines(findings: Sequence[Finding], limit: int) -> Iterator[str]:
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    for kind, ones in _by_kind(findings).items():
        for one in ones[:limit]:
            parts = [f"{kind}: {one.subject}: {one.problem}"]
            if one.since:
                parts.append(f"since {one.since:%Y-%m-%d %H:%M:%S} UTC ({_age(now - one.since)})")
            yield "; ".join([*parts, _remedy(one)])
        if len(ones) > limit:
            yield f"{kind}: and {len(ones) - limit} more"


def _remedy(one: Finding) -> str:
    if one.outcome:
        return f"{one.remedy}: {one.outcome}"
    return f"with --fix it {one.remedy}" if one.remedy else "--fix cannot fix it"


def _age(passed: datetime.timedelta) -> str:
    seconds = int(passed.total_seconds())
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"


def _summary(findings: Sequence[Finding], checked: Sequence[str]) -> Iterator[str]:
    yield f"Checked {', '.join(checked)}."
    if not findings:
        yield "Nothing is stuck, leaked or inconsistent."
        return
    kinds = ", ".join(f"{len(ones)} {kind}" for kind, ones in _by_kind(findings).items())
    fixed = sum(one.outcome == "fixed" for one in findings)
    failed = sum(one.outcome not in (None, "fixed") for one in findings)
    fixable = sum(one.can_be_fixed and not one.outcome for one in findings)
    outcomes = [f"{fixed} fixed"] if fixed else []
    outcomes += [f"{failed} could not be fixed"] if failed else []
    outcomes += [f"{fixable} would be fixed by --fix"] if fixable else []
    yield f"{len(findings)} found: {kinds}." + (f" {', '.join(outcomes)}." if outcomes else "")
