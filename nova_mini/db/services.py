"""The processes of the cloud and their heartbeats."""

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
    """Register a process, over its predecessor of the same name if there was one."""
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
    return query.one(services, *key)


def report(beats: Mapping[str, bool]) -> None:
    """Heartbeats: incarnation -> whether it can do its work. Those of who is replaced are none."""
    with writer() as connection:
        for available in set(beats.values()):
            those = [incarnation for incarnation, well in beats.items() if well is available]
            # No change that anyone asked for: updated_at stays.
            connection.execute(
                services.update()
                .where(_SERVICE.incarnation.in_(those))
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
    """The incarnations of services that have done all that their host was asked for."""
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
    statement = sa.select(_SERVICE.host, _SERVICE.disabled).where(_SERVICE.topic == topic)
    with reader() as connection:
        return {row.host: not row.disabled for row in connection.execute(statement)}


def update(service_id: int, values: Mapping[str, Any]) -> None:
    query.update(services, values, _SERVICE.id == service_id)


def destroy(service_id: int) -> None:
    query.delete(services, _SERVICE.id == service_id)
