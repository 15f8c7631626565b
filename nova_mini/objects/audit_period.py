"""Audit periods: the hours, days, months or years for which usage is reported."""

from __future__ import annotations

import datetime
from collections.abc import Callable

Period = tuple[datetime.datetime, datetime.datetime]
_StartOf = Callable[[datetime.datetime, int], datetime.datetime]
_Earlier = Callable[[datetime.datetime], datetime.datetime]

_MONTHS = 12


def last_completed(setting: str, before: datetime.datetime) -> Period:
    """The last period that had ended at ``before``: its begin and its end.

    ``setting``: ``hour``, ``day``, ``month`` or ``year``, and ``@NUMBER`` to move its begin to this
    minute of the hour, hour of the day, day of the month, or month of the year.
    """
    unit, _, offset = setting.partition("@")
    start_of, earlier = _UNITS[unit]
    end = start_of(before, int(offset or 0))
    if end >= before:
        end = earlier(end)
    return earlier(end), end


def current(setting: str, now: datetime.datetime) -> Period:
    """The period that has not ended at ``now``: its begin, and ``now``."""
    return last_completed(setting, now)[1], now


def as_payload(period: Period) -> dict[str, str]:
    """The part of a notification that says for which period it is."""
    begin, end = period
    return {"audit_period_beginning": str(begin), "audit_period_ending": str(end)}


def _hour(time: datetime.datetime, minute: int) -> datetime.datetime:
    return time.replace(minute=minute, second=0, microsecond=0)


def _day(time: datetime.datetime, hour: int) -> datetime.datetime:
    return time.replace(hour=hour, minute=0, second=0, microsecond=0)


def _month(time: datetime.datetime, day: int) -> datetime.datetime:
    return datetime.datetime(time.year, time.month, day or 1)


def _year(time: datetime.datetime, month: int) -> datetime.datetime:
    return datetime.datetime(time.year, month or 1, 1)


def _a_month_earlier(time: datetime.datetime) -> datetime.datetime:
    if time.month == 1:
        return time.replace(year=time.year - 1, month=_MONTHS)
    return time.replace(month=time.month - 1)


_UNITS: dict[str, tuple[_StartOf, _Earlier]] = {
    "hour": (_hour, lambda time: time - datetime.timedelta(hours=1)),
    "day": (_day, lambda time: time - datetime.timedelta(days=1)),
    "month": (_month, _a_month_earlier),
    "year": (_year, lambda time: time.replace(year=time.year - 1)),
}
