"""How findings are told: a line each, and a summary; or JSON."""

from __future__ import annotations

import collections
import datetime
import json
from collections.abc import Iterator, Sequence

from nova_mini.doctor.finding import Finding


def as_json(findings: Sequence[Finding], looked_at: Sequence[str], limit: int) -> str:
    """``findings``: at most ``limit`` of a kind; ``counts`` are of all."""
    return json.dumps(
        {
            "looked_at": list(looked_at),
            "counts": collections.Counter(finding.kind for finding in findings),
            "findings": [
                one.as_dict() for ones in _by_kind(findings).values() for one in ones[:limit]
            ],
        },
        indent=2,
    )


def as_text(findings: Sequence[Finding], looked_at: Sequence[str], limit: int) -> str:
    return "\n".join([*_lines(findings, limit), *_summary(findings, looked_at)])


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
    return f"with --fix it {one.remedy}" if one.remedy else "--fix leaves it"


def _age(passed: datetime.timedelta) -> str:
    seconds = int(passed.total_seconds())
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"


def _summary(findings: Sequence[Finding], looked_at: Sequence[str]) -> Iterator[str]:
    yield f"Looked at {', '.join(looked_at)}."
    if not findings:
        yield "Nothing is stuck, leaked or inconsistent."
        return
    kinds = ", ".join(f"{len(ones)} {kind}" for kind, ones in _by_kind(findings).items())
    fixed = sum(one.outcome == "fixed" for one in findings)
    failed = sum(one.outcome not in (None, "fixed") for one in findings)
    waiting = sum(one.can_be_fixed and not one.outcome for one in findings)
    told = [f"{fixed} fixed"] if fixed else []
    told += [f"{failed} could not be fixed"] if failed else []
    told += [f"{waiting} would be fixed by --fix"] if waiting else []
    yield f"{len(findings)} found: {kinds}." + (f" {', '.join(told)}." if told else "")
