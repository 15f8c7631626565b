"""Migrations of servers (the table ``migrations``), and what they change in the ledger and in the
usage of a project when they end."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from nova_mini import exception
from nova_mini.db import allocations, project_usages, query
from nova_mini.db.models import instance_actions, instances, migrations
from nova_mini.db.open_migrations import is_at, is_open
from nova_mini.db.session import reader, writer
from nova_mini.states import migration_states

_MIGRATION = migrations.c


def create(values: Mapping[str, Any]) -> dict:
    """Insert a migration. Called in the transaction that begins its action."""
    return query.insert(migrations, values)


def get_open(instance_uuid: str) -> Mapping | None:
    """The open migration of a server; it has at most one."""
    return query.one(migrations, _MIGRATION.instance_uuid == instance_uuid, is_open())


def get_open_by_host(host: str) -> list[Mapping]:
    """The open migrations that have this host as their source or destination."""
    return query.many(migrations, is_at(host), is_open())


def get_unconfirmed(finished_before: datetime.datetime) -> list[Mapping]:
    """The migrations that were finished before then and are neither confirmed nor reverted."""
    return query.many(
        migrations,
        _MIGRATION.status == migration_states.FINISHED,
        _MIGRATION.updated_at < finished_before,
        order_by=[_MIGRATION.id],
    )


def get_page(
    equal: Mapping[str, Any],
    *,
    newest_first: bool = True,
    host: str | None = None,
    limit: int | None = None,
    marker: str | None = None,
    changes_since: datetime.datetime | None = None,
    changes_before: datetime.datetime | None = None,
) -> list[Mapping]:
    """``equal``: column -> value; ``host``: the source or the destination; ``marker``: the UUID of
    the last migration of the page before, newest first. Migrations of deleted servers are not in
    it. Raises MarkerNotFound."""
    where = [_MIGRATION[name] == value for name, value in equal.items()]
    of_deleted = sa.exists().where(
        instances.c.uuid == _MIGRATION.instance_uuid, instances.c.deleted == sa.true()
    )
    where.append(~of_deleted)
    if host is not None:
        where.append(is_at(host))
    changed_at = sa.func.coalesce(_MIGRATION.updated_at, _MIGRATION.created_at)
    if changes_since is not None:
        where.append(changed_at >= changes_since)
    if changes_before is not None:
        where.append(changed_at <= changes_before)
    if marker is not None:
        last = query.one(migrations, _MIGRATION.uuid == marker)
        if last is None:
            raise exception.MarkerNotFound(marker=marker)
        where.append(_MIGRATION.id < last["id"])
    order = _MIGRATION.id.desc() if newest_first else _MIGRATION.id
    statement = migrations.select().where(*where).order_by(order).limit(limit)
    with reader() as connection:
        return list(connection.execute(statement).mappings())


def get_of_server(
    instance_uuid: str, migration_type: str, statuses: Collection[str]
) -> list[Mapping]:
    """The migrations of a server that have this type and one of these statuses, oldest first."""
    return query.many(
        migrations,
        _MIGRATION.instance_uuid == instance_uuid,
        _MIGRATION.migration_type == migration_type,
        _MIGRATION.status.in_(statuses),
        order_by=[_MIGRATION.id],
    )


def get_by_id(instance_uuid: str, migration_id: int) -> Mapping | None:
    return query.one(
        migrations, _MIGRATION.id == migration_id, _MIGRATION.instance_uuid == instance_uuid
    )


def get_by_uuid(uuid: str) -> Mapping | None:
    return query.one(migrations, _MIGRATION.uuid == uuid)


def update(uuid: str, values: Mapping[str, Any]) -> None:
    """Change an open migration; one that has ended stays as it is.

    When it ends, the host that does not have the server any more gets its resources back, and the
    quota counts only the flavor that the server has now. Called in the transaction that moves, or
    ends, the action of the server.
    """
    with writer():
        row = query.one(migrations, _MIGRATION.uuid == uuid)
        changed = query.update(migrations, values, _MIGRATION.uuid == uuid, is_open())
        if not changed or row is None:
            return
        if values.get("status") in migration_states.MOVED:
            allocations.release(uuid)
            _stop_charging(row, row["new_flavor"])
        elif values.get("status") in migration_states.STAYED:
            allocations.return_to(row["instance_uuid"], uuid)
            _stop_charging(row, row["old_flavor"])


def request(
    instance_uuid: str, migration_id: int, requested: str, statuses: Collection[str]
) -> bool:
    """Store a user's request to a migration that has one of the ``statuses``. Returns False if it
    has not."""
    values = {"requested": sa.case((_MIGRATION.requested == "abort", "abort"), else_=requested)}
    return bool(
        query.update(
            migrations,
            values,
            _MIGRATION.id == migration_id,
            _MIGRATION.instance_uuid == instance_uuid,
            _MIGRATION.status.in_(statuses),
        )
    )


def report_progress(uuid: str, claim: tuple[int, str], values: Mapping[str, Any]) -> str | None:
    """Change an open migration whose action is owned as ``claim`` (action ID, owner) says. Returns
    the stored request. Raises InstanceOwnershipLost."""
    action = instance_actions.c
    is_owned = sa.exists().where(
        action.id == claim[0], action.owner == claim[1], action.finish_time.is_(None)
    )
    with writer():
        query.update(migrations, values, _MIGRATION.uuid == uuid, is_open(), is_owned)
        row = query.one(migrations, _MIGRATION.uuid == uuid, is_open(), is_owned)
    if row is None:
        raise exception.InstanceOwnershipLost(instance_uuid=uuid, host=None)
    return row["requested"]


def _stop_charging(row: Mapping[str, Any], flavor: Mapping[str, Any]) -> None:
    server = query.one(instances, instances.c.uuid == row["instance_uuid"])
    if server is not None:
        cores, ram = flavor["vcpus"] - row["vcpus"], flavor["memory_mb"] - row["memory_mb"]
        project_usages.change(server["project_id"], cores, ram)


def end_of_deleted(instance_uuid: str) -> Mapping | None:
    """End the open migration of a server that is deleted in the same transaction, which releases
    what its quota counts. Returns the row of the migration as it was."""
    row = get_open(instance_uuid)
    if row is not None:
        is_evacuation = row["migration_type"] == "evacuation"
        ended = migration_states.DONE if is_evacuation else migration_states.CONFIRMED
        query.update(migrations, {"status": ended}, _MIGRATION.uuid == row["uuid"])
        allocations.release(row["uuid"])
    return row
