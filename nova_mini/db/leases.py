"""Leases: which of several equal processes does work that only one may do at a time."""

from __future__ import annotations

import datetime

import sqlalchemy as sa
from oslo_db import exception as db_exc

from nova_mini.db import query
from nova_mini.db.models import leases
from nova_mini.db.session import writer

_LEASE = leases.c


def take(name: str, owner: str, seconds: int) -> bool:
    """Take or renew a lease. Return False while another process holds it."""
    stamp = query.now()
    values = {"owner": owner, "expires_at": stamp + datetime.timedelta(seconds=seconds)}
    free = sa.or_(_LEASE.owner == owner, _LEASE.expires_at < stamp)
    with writer() as connection:
        if connection.execute(
            leases.update().where(_LEASE.name == name, free).values(values)
        ).rowcount:
            return True
    try:
        with writer() as connection:
            connection.execute(leases.insert(), {"name": name, **values})
        return True
    except db_exc.DBDuplicateEntry:
        return False
