"""Aggregates. Every change sets ``updated_at``, so that the schedulers read the zones again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exc

from nova_mini import exception
from nova_mini.db import query
from nova_mini.db.models import aggregate_hosts, aggregates
from nova_mini.db.session import reader, writer

_AGGREGATE = aggregates.c
_MEMBER = aggregate_hosts.c


def create(uuid: str, name: str, metadata: Mapping[str, str]) -> dict:
    """Raises AggregateNameExists."""
    values = {"uuid": uuid, "name": name, "metadata": dict(metadata)}
    try:
        return query.insert(aggregates, values)
    except db_exc.DBDuplicateEntry as exc:
        raise exception.AggregateNameExists(aggregate_name=name) from exc


def get(aggregate_id: int) -> Mapping | None:
    return query.one(aggregates, _AGGREGATE.id == aggregate_id)


def lock(aggregate_id: int) -> Mapping | None:
    """The row, locked until the caller's transaction ends."""
    statement = aggregates.select().where(_AGGREGATE.id == aggregate_id).with_for_update()
    with writer() as connection:
        return connection.execute(statement).mappings().first()


def get_all() -> list[Mapping]:
    return query.many(aggregates, order_by=[_AGGREGATE.id])


def get_by_host(host: str) -> list[Mapping]:
    members = sa.select(_MEMBER.aggregate_id).where(_MEMBER.host == host)
    return query.many(aggregates, _AGGREGATE.id.in_(members), order_by=[_AGGREGATE.id])


def get_hosts(aggregate_ids: list[int]) -> dict[int, list[str]]:
    """aggregate ID -> its hosts, sorted; one query."""
    found: dict[int, list[str]] = {aggregate_id: [] for aggregate_id in aggregate_ids}
    statement = aggregate_hosts.select().where(_MEMBER.aggregate_id.in_(aggregate_ids))
    with reader() as connection:
        for row in connection.execute(statement.order_by(_MEMBER.host)):
            found[row.aggregate_id].append(row.host)
    return found


def update(aggregate_id: int, values: Mapping[str, Any]) -> None:
    """Raises AggregateNameExists."""
    try:
        query.update(aggregates, values, _AGGREGATE.id == aggregate_id)
    except db_exc.DBDuplicateEntry as exc:
        raise exception.AggregateNameExists(aggregate_name=values["name"]) from exc


def destroy(aggregate_id: int) -> None:
    query.delete(aggregates, _AGGREGATE.id == aggregate_id)


def add_host(aggregate_id: int, host: str) -> None:
    """Raises AggregateHostExists."""
    try:
        with writer() as connection:
            row = {"aggregate_id": aggregate_id, "host": host}
            connection.execute(aggregate_hosts.insert(), row)
    except db_exc.DBDuplicateEntry as exc:
        raise exception.AggregateHostExists(aggregate_id=aggregate_id, host=host) from exc
    update(aggregate_id, {})


def remove_host(aggregate_id: int, host: str) -> None:
    """Raises AggregateHostNotFound."""
    where = (_MEMBER.aggregate_id == aggregate_id, _MEMBER.host == host)
    if not query.delete(aggregate_hosts, *where):
        raise exception.AggregateHostNotFound(aggregate_id=aggregate_id, host=host)
    update(aggregate_id, {})


def remove_host_from_all(host: str) -> None:
    """Remove a deleted host from all aggregates."""
    for row in get_by_host(host):
        remove_host(row["id"], host)
