"""The time as the columns of the database hold it."""

from __future__ import annotations

import datetime


def utcnow() -> datetime.datetime:
    """The current time in UTC, without a time zone, as all times are stored."""
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
