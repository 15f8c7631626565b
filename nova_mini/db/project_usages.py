"""The usage of each project, stored so that a quota check reads only one row."""

from __future__ import annotations

import contextlib

import sqlalchemy as sa
from oslo_db import exception as db_exc

from nova_mini.db import open_migrations
from nova_mini.db.models import instances, project_usages
from nova_mini.db.session import execute_at_commit, reader, writer
from nova_mini.states import vm_states

_USAGE = project_usages.c


def get(project_id: str) -> dict[str, int]:
    """{"instances", "cores", "ram" (MiB)} that a project uses now."""
    with reader() as connection:
        row = (
            connection.execute(project_usages.select().where(_USAGE.project_id == project_id))
            .mappings()
            .first()
        )
    return {name: row[name] if row else 0 for name in ("instances", "cores", "ram")}


def get_of_user(project_id: str, user_id: str) -> dict[str, int]:
    """{"instances", "cores", "ram" (MiB)} of one user's servers in a project. The sum is not
    stored, because few users have their own limits."""
    column, charged = instances.c, open_migrations.charged()
    statement = (
        sa.select(sa.func.count(), sa.func.sum(charged.vcpus), sa.func.sum(charged.memory_mb))
        .select_from(charged.source)
        .where(
            column.project_id == project_id,
            column.user_id == user_id,
            column.deleted == sa.false(),
            column.vm_state != vm_states.SOFT_DELETED,
        )
    )
    with reader() as connection:
        count, cores, ram = connection.execute(statement).one()
    return {"instances": count, "cores": int(cores or 0), "ram": int(ram or 0)}


def claim(project_id: str, requested: dict[str, int], limits: dict[str, int]) -> bool:
    """Add ``requested`` to the usage, unless a limit would be exceeded (-1: unlimited).

    Called in the transaction that inserts the servers. Return whether it was added.
    """
    where = [_USAGE.project_id == project_id]
    where += [
        _USAGE[name] + amount <= limits[name]
        for name, amount in requested.items()
        if limits[name] >= 0
    ]
    added = {name: _USAGE[name] + amount for name, amount in requested.items()}
    statement = project_usages.update().where(*where).values(added)
    with writer() as connection:
        if connection.execute(statement).rowcount:
            return True
        # Either a limit would be exceeded, or the project has no row yet.
        _ensure_row(project_id)
        return bool(connection.execute(statement).rowcount)


def release(project_id: str, count: int, cores: int, ram: int) -> None:
    """Subtract servers that are deleted in the same transaction, or (negative numbers) add servers
    without a check."""
    less = {
        "instances": _USAGE.instances - count,
        "cores": _USAGE.cores - cores,
        "ram": _USAGE.ram - ram,
    }
    execute_at_commit(project_usages.update().where(_USAGE.project_id == project_id).values(less))


def change(project_id: str, cores: int, ram: int) -> None:
    """Add to the usage of a project (or subtract), without a check. Called in the transaction that
    ends a migration."""
    if cores or ram:
        more = {"cores": _USAGE.cores + cores, "ram": _USAGE.ram + ram}
        own = _USAGE.project_id == project_id
        execute_at_commit(project_usages.update().where(own).values(more))


def lock(project_id: str) -> None:
    """Lock the row of the project until the transaction ends, so that what is counted beside it
    (server groups) does not change."""
    own = sa.select(_USAGE.project_id).where(_USAGE.project_id == project_id).with_for_update()
    with writer() as connection:
        if connection.execute(own).first() is None:
            _ensure_row(project_id)
            connection.execute(own)


def _ensure_row(project_id: str) -> None:
    with writer() as connection:
        exists = connection.execute(
            sa.select(_USAGE.project_id).where(_USAGE.project_id == project_id)
        ).first()
        if exists:
            return
        row = {"project_id": project_id, "instances": 0, "cores": 0, "ram": 0}
        # A concurrent request may insert the row first.
        with contextlib.suppress(db_exc.DBDuplicateEntry), connection.begin_nested():
            connection.execute(project_usages.insert(), row)
