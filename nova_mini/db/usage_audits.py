"""Usage audits: which hosts' servers were reported for which period.

A row says that a conductor audits a host (``RUNNING``), or has audited it (``DONE``). The audit of
a conductor that died is repeated: billing systems must accept a notification twice.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping

import sqlalchemy as sa

from nova_mini.db import query
from nova_mini.db.models import COMPUTE_TOPIC, instances, services, usage_audits
from nova_mini.db.session import reader, retried, writer

RUNNING, DONE = "RUNNING", "DONE"
_PAGE = 200  # servers in one query

_AUDIT = usage_audits.c
_SERVER = instances.c


def get(begin: datetime.datetime, end: datetime.datetime) -> list[Mapping]:
    """The audits of a period, by host."""
    return query.many(usage_audits, *_of_period(begin, end), order_by=[_AUDIT.host])


def hosts_to_audit(begin: datetime.datetime, end: datetime.datetime) -> list[str]:
    """The hosts with a compute service whose audit of this period is not done."""
    done = sa.select(_AUDIT.host).where(*_of_period(begin, end), _AUDIT.state == DONE)
    statement = (
        sa.select(services.c.host)
        .where(services.c.topic == COMPUTE_TOPIC, services.c.host.not_in(done))
        .order_by(services.c.host)
    )
    with reader() as connection:
        return list(connection.execute(statement).scalars())


@retried
def start(host: str, begin: datetime.datetime, end: datetime.datetime) -> None:
    """Record that the audit of a host runs. Another audit of it is forgotten."""
    row = {"period_begin": begin, "period_end": end, "host": host, "state": RUNNING}
    with writer():
        query.delete(usage_audits, *_of_period(begin, end), _AUDIT.host == host)
        query.insert(usage_audits, {**row, "servers": 0, "errors": 0, "message": ""})


def finish(
    host: str,
    begin: datetime.datetime,
    end: datetime.datetime,
    *,
    servers: int,
    errors: int,
    message: str,
) -> None:
    values = {"state": DONE, "servers": servers, "errors": errors, "message": message}
    query.update(usage_audits, values, *_of_period(begin, end), _AUDIT.host == host)


def forget_old(before: datetime.datetime) -> None:
    """Remove the audits of periods that ended before ``before``."""
    query.delete(usage_audits, _AUDIT.period_end < before)


def servers_of(host: str, begin: datetime.datetime, end: datetime.datetime) -> Iterator[Mapping]:
    """The servers of a host, also deleted ones, that existed in the period."""
    last = 0
    while True:
        page = _page(host, begin, end, last)
        yield from page
        if len(page) < _PAGE:
            return
        last = page[-1]["id"]


def _page(host: str, begin: datetime.datetime, end: datetime.datetime, last: int) -> list[Mapping]:
    statement = (
        instances.select()
        .where(
            _SERVER.host == host,
            _SERVER.launched_at < end,
            sa.or_(_SERVER.terminated_at.is_(None), _SERVER.terminated_at > begin),
            _SERVER.id > last,
        )
        .order_by(_SERVER.id)
        .limit(_PAGE)
    )
    with reader() as connection:
        return list(connection.execute(statement).mappings())


def _of_period(begin: datetime.datetime, end: datetime.datetime) -> list[sa.ColumnElement]:
    return [_AUDIT.period_begin == begin, _AUDIT.period_end == end]
