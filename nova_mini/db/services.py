"""The services and their heartbeats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exc
from oslo_utils import uuidutils

from nova_mini.db import query
from nova_mini.db.models import instance_actions, services
from nova_mini.db.session import reader, writer

_SERVICE = services.c


def start(host: str, binary: str, topic: str, incarnation: str, version: int) -> Mapping:
    """Register a process. It replaces its predecessor with the same host and binary."""
    values = {
        "topic": topic,
        "incarnation": incarnation,
        "version": version,
        "available": True,
        "last_seen_up": query.now(),
    }
    key = (_SERVICE.host == host, _SERVICE.binary == binary)
    if not query.update(services, values, *key):
        named = {"uuid": uuidutils.generate_uuid(), "host": host, "binary": binary}
        try:
            query.insert(services, {**named, **values})
        except db_exc.DBDuplicateEntry:
            query.update(services, values, *key)
    return query.many(services, *key)[0]


def report(beats: Mapping[str, bool]) -> None:
    """Write heartbeats (incarnation -> available). Those of replaced incarnations are ignored."""
    with writer() as connection:
        for available in set(beats.values()):
            incarnations = [each for each, value in beats.items() if value is available]
            # updated_at is unchanged: it is for changes by requests.
            connection.execute(
                services.update()
                .where(_SERVICE.incarnation.in_(incarnations))
                .values(
                    last_seen_up=query.now(),
                    report_count=_SERVICE.report_count + 1,
                    available=available,
                )
            )


def get_by_host_and_binary(host: str, binary: str) -> Mapping | None:
    return query.one(services, _SERVICE.host == host, _SERVICE.binary == binary)


def get_by_id(service_id: int) -> Mapping | None:
    return query.one(services, _SERVICE.id == service_id)


def get_by_uuid(uuid: str) -> Mapping | None:
    return query.one(services, _SERVICE.uuid == uuid)


def get_all(binary: str | None = None, host: str | None = None) -> list[Mapping]:
    where = []
    if binary:
        where.append(_SERVICE.binary == binary)
    if host:
        where.append(_SERVICE.host == host)
    return query.many(services, *where, order_by=[_SERVICE.id])


def get_idle() -> frozenset[str]:
    """The incarnations of the services whose host has no unfinished action."""
    with reader() as connection:
        return frozenset(connection.execute(_IDLE).scalars())


_IDLE = sa.select(_SERVICE.incarnation).where(
    ~sa.exists().where(
        _SERVICE.topic == "compute",
        instance_actions.c.host == _SERVICE.host,
        instance_actions.c.finish_time.is_(None),
    )
)


def get_enabled_by_host(topic: str) -> dict[str, bool]:
    """host -> whether its service with this topic is enabled."""
    statement = sa.select(_SERVICE.host, _SERVICE.disabled).where(_SERVICE.topic == topic)
    with reader() as connection:
        return {row.host: not row.disabled for row in connection.execute(statement)}


def update(service_id: int, values: Mapping[str, Any]) -> None:
    query.update(services, values, _SERVICE.id == service_id)


def destroy(service_id: int) -> None:
    query.delete(services, _SERVICE.id == service_id)
