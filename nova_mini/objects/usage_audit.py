"""The log of usage audits, for the API."""

from __future__ import annotations

import dataclasses
import datetime

from nova_mini import db


@dataclasses.dataclass(frozen=True)
class UsageAudit:
    """The audit of one host for one period. ``servers``: how many were reported."""

    host: str
    is_done: bool
    servers: int
    errors: int
    message: str


def get_audits(begin: datetime.datetime, end: datetime.datetime) -> list[UsageAudit]:
    """The audits of a period that have begun, by host."""
    return [
        UsageAudit(
            host=row["host"],
            is_done=row["state"] == db.usage_audits.DONE,
            servers=row["servers"],
            errors=row["errors"],
            message=row["message"],
        )
        for row in db.usage_audits.get(begin, end)
    ]
