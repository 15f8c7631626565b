"""Purge: remove the rows of deleted servers.

A deleted server keeps its row, its history and its faults, which are shown by lists with
``changes-since`` or ``deleted``, usage reports and ``os-instance-actions``. Only a purge removes
them.

One transaction removes all rows of a few servers, so locks are short, and a server is never removed
partially. Several processes may purge concurrently.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import sqlalchemy as sa

from nova_mini.db import instances, query
from nova_mini.db import models as m
from nova_mini.db.session import reader, retried, writer

BATCH = 100  # servers in one transaction: some thousand rows, which take some 10 ms

_SERVER = m.instances.c


def count(before: datetime.datetime) -> int:
    """The number of servers that :func:`purge` would remove."""
    statement = sa.select(sa.func.count()).select_from(m.instances).where(*_is_due(before))
    with reader() as connection:
        return connection.execute(statement).scalar_one()


def purge(before: datetime.datetime, batch: int = BATCH) -> Iterator[int]:
    """Remove the servers that were deleted before ``before``. After each transaction yield how many
    servers it has removed.

    A server is kept while it has an unfinished action or an allocation (a sweep releases it), and
    while its host has sent no heartbeat since the server was deleted. Such a host may return with a
    guest of the server, and needs the row to recognize the guest as an orphan.
    """
    while True:
        removed = _purge_some(before, batch)
        if not removed:
            return
        yield removed


@retried
def _purge_some(before: datetime.datetime, batch: int) -> int:
    statement = (
        sa.select(_SERVER.id, _SERVER.uuid)
        .where(*_is_due(before))
        .order_by(_SERVER.deleted_at, _SERVER.id)
        .limit(batch)
    )
    with writer() as connection:
        rows = connection.execute(statement).all()
        if not rows:
            return 0
        uuids = [row.uuid for row in rows]
        actions = m.instance_actions.c
        ids = connection.execute(
            sa.select(actions.id).where(actions.instance_uuid.in_(uuids))
        ).scalars()
        for part in query.parts(ids):
            query.delete(m.instance_actions_events, m.instance_actions_events.c.action_id.in_(part))
            query.delete(m.instance_actions, actions.id.in_(part))
        for column in OF_A_SERVER:
            query.delete(column.table, column.in_(uuids))
        query.delete(m.instances, _SERVER.id.in_([row.id for row in rows]))
    return len(rows)


# The columns of other tables with the UUID of a server, without those of its actions.
OF_A_SERVER = (
    m.instance_faults.c.instance_uuid,
    m.block_device_mapping.c.instance_uuid,
    m.request_specs.c.instance_uuid,
    m.migrations.c.instance_uuid,
    m.instance_group_members.c.instance_uuid,
    m.console_tokens.c.instance_uuid,
    m.tags.c.resource_id,
)


def _is_due(before: datetime.datetime) -> list[sa.ColumnElement]:
    """Conditions on a row of ``instances``: it can be purged."""
    has_allocation = sa.exists().where(m.allocations.c.consumer_uuid == _SERVER.uuid)
    service = m.services.c
    unseen = sa.exists().where(
        service.topic == m.COMPUTE_TOPIC,
        service.host.in_([_SERVER.host, _SERVER.launched_on]),
        sa.or_(service.last_seen_up.is_(None), service.last_seen_up < _SERVER.deleted_at),
    )
    return [
        _SERVER.deleted_at < before,
        _SERVER.deleted == sa.true(),
        ~instances.has_unfinished(),
        ~has_allocation,
        ~unseen,
    ]
