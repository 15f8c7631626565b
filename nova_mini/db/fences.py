"""Fences: hosts that are down, and that must not run the guests which are started elsewhere.

The column ``fence`` of a compute's service: ``incarnation``: the registration that the fence has
taken from the compute; ``addresses``: clients of Ceph that are on Ceph's blocklist, or soon will
be; ``done``: whether the host is fenced. A fence is valid while the service has this incarnation: a
compute process that starts registers a new one. Such a process destroys the guests that the host
has lost, and only then has its fence lifted.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from typing import Any, TypedDict, cast

import sqlalchemy as sa
from oslo_utils import uuidutils

from nova_mini.clock import utcnow
from nova_mini.conf import CONF
from nova_mini.db import instance_updates, query, server_migrations
from nova_mini.db.models import COMPUTE_TOPIC, instance_actions, migrations, services
from nova_mini.db.open_migrations import is_open
from nova_mini.db.session import reader, writer
from nova_mini.states import migration_states

_SERVICE = services.c
_MIGRATION = migrations.c


class Fence(TypedDict):
    incarnation: str
    addresses: list[str]
    done: bool


def get_service(host: str) -> Mapping[str, Any] | None:
    """The row of the compute service of a host."""
    return query.one(services, _SERVICE.host == host, _SERVICE.topic == COMPUTE_TOPIC)


def is_fenced(service: Mapping[str, Any]) -> bool:
    fence = cast("Fence | None", service["fence"])
    return bool(fence and fence["done"] and fence["incarnation"] == service["incarnation"])


def _is_down(service: Mapping[str, Any]) -> bool:
    if service["forced_down"] or service["last_seen_up"] is None:
        return True
    return utcnow() - service["last_seen_up"] > datetime.timedelta(seconds=CONF.service_down_time)


def _lock(host: str) -> Mapping | None:
    """The row of the compute service, locked until the end of the transaction: a compute process
    that starts waits for it."""
    found = get_service(host)
    if found is None:
        return None
    locked = services.select().where(_SERVICE.id == found["id"]).with_for_update()
    with writer() as connection:
        return connection.execute(locked).mappings().first()


def begin(host: str, addresses: Collection[str]) -> str | None:
    """Take the registration of a compute that is down: its process, if it still runs, can neither
    claim actions nor send heartbeats from now on, and ends at its next check-in.

    Returns the incarnation of the fence, which is not done yet; None if the host is not down.
    """
    with writer():
        service = _lock(host)
        if service is None or not _is_down(service):
            return None
        known = service["fence"]["addresses"] if service["fence"] else ()
        fence = Fence(
            incarnation=uuidutils.generate_uuid(),
            addresses=sorted({*known, *addresses}),
            done=False,
        )
        _write(service, fence, incarnation=fence["incarnation"])
    return fence["incarnation"]


def finish(host: str, incarnation: str) -> bool:
    """Record that the host is fenced. False if it has returned meanwhile."""
    with writer():
        service = _lock(host)
        if service is None or service["incarnation"] != incarnation:
            return False
        fence = Fence(incarnation=incarnation, addresses=service["fence"]["addresses"], done=True)
        _write(service, fence)
    return True


def lift(host: str, incarnation: str) -> bool:
    """Forget the fence of a host whose new process has this incarnation. False if the process was
    replaced, or fenced again."""
    with writer():
        service = _lock(host)
        if service is None or service["incarnation"] != incarnation:
            return False
        _write(service, None)
    return True


def _write(service: Mapping[str, Any], fence: Fence | None, **values: str) -> None:
    with writer() as connection:
        connection.execute(
            services.update()
            .where(_SERVICE.id == service["id"])
            .values(fence=sa.null() if fence is None else fence, **values)
        )


def take_server(host: str, migration_uuid: str) -> bool:
    """Let a server leave a host that is fenced: when the host returns, it destroys the guest. False
    if the host is not fenced, or not any more."""
    with writer():
        service = _lock(host)
        if service is None or not is_fenced(service) or not _is_down(service):
            return False
        status = {"status": migration_states.PRE_MIGRATING}
        server_migrations.update(migration_uuid, status)
    return True


def leave_destination(instance_uuid: str) -> None:
    """Let the record of a server name the source of its evacuation again, because its destination
    is fenced. Called in the transaction that takes the action from the destination."""
    with writer():
        move = server_migrations.get_open(instance_uuid)
        if move is None:
            return
        nowhere = {"dest_compute": None, "dest_node": None, "dest_host": None, "dest_zone": None}
        server_migrations.update(move["uuid"], nowhere)
        source = {
            "host": move["source_compute"],
            "node": move["source_node"],
            "availability_zone": move["source_zone"],
        }
        instance_updates.update(instance_uuid, source)


def get_destinations_to_fence() -> list[str]:
    """The hosts that an administrator has forced down, and whose processes own an evacuation to
    them that is not finished."""
    action = instance_actions.c
    statement = (
        sa.select(_SERVICE.host)
        .distinct()
        .where(
            _SERVICE.topic == COMPUTE_TOPIC,
            _SERVICE.forced_down == sa.true(),
            action.host == _SERVICE.host,
            action.method == "evacuate_instance",
            action.owner == _SERVICE.incarnation,
            action.finish_time.is_(None),
        )
    )
    with reader() as connection:
        return list(connection.execute(statement).scalars())


def get_evacuated(host: str) -> list[Mapping[str, Any]]:
    """The evacuations from a host after which it did not clean up yet: ``uuid``, ``instance_uuid``
    and ``status``, oldest first. Those that are only accepted are not included: the host was not
    fenced, and keeps its guests."""
    return query.many(
        migrations,
        _MIGRATION.source_compute == host,
        _MIGRATION.migration_type == "evacuation",
        _MIGRATION.status.in_([migration_states.PRE_MIGRATING, migration_states.DONE]),
        order_by=[_MIGRATION.id],
    )


def get_evacuating_hosts() -> set[str]:
    """The sources of evacuations that have not ended."""
    statement = (
        sa.select(_MIGRATION.source_compute)
        .distinct()
        .where(_MIGRATION.migration_type == "evacuation", is_open())
    )
    with reader() as connection:
        return set(connection.execute(statement).scalars())


def get_moving_or_refused(host: str, instance_uuids: Collection[str]) -> set[str]:
    """Those of these servers that have an open migration, or whose evacuation from a host has
    failed since the host was seen last."""
    seen = sa.select(_SERVICE.last_seen_up).where(
        _SERVICE.host == host, _SERVICE.topic == COMPUTE_TOPIC
    )
    refused = sa.and_(
        _MIGRATION.migration_type == "evacuation",
        _MIGRATION.status == migration_states.ERROR,
        _MIGRATION.created_at > seen.scalar_subquery(),
    )
    statement = (
        sa.select(_MIGRATION.instance_uuid)
        .distinct()
        .where(_MIGRATION.instance_uuid.in_(instance_uuids), sa.or_(is_open(), refused))
    )
    with reader() as connection:
        return set(connection.execute(statement).scalars())


def get_newest_evacuations(host: str, instance_uuids: Collection[str]) -> list[Mapping[str, Any]]:
    """The newest evacuation of each of these servers from a host."""
    newest = (
        sa.select(sa.func.max(_MIGRATION.id))
        .where(
            _MIGRATION.source_compute == host,
            _MIGRATION.migration_type == "evacuation",
            _MIGRATION.instance_uuid.in_(instance_uuids),
        )
        .group_by(_MIGRATION.instance_uuid)
    )
    return query.many(migrations, _MIGRATION.id.in_(newest.scalar_subquery()))


def complete(host: str, migration_uuids: Collection[str]) -> None:
    """Record that the source has cleaned up after these evacuations."""
    query.update(
        migrations,
        {"status": migration_states.COMPLETED},
        _MIGRATION.uuid.in_(migration_uuids),
        _MIGRATION.source_compute == host,
        _MIGRATION.status == migration_states.DONE,
    )
