"""What each project uses, counted where it changes, so that a quota check costs one row."""

from __future__ import annotations

import contextlib

import sqlalchemy as sa
from oslo_db import exception as db_exc

from nova_mini.db.models import instances, project_usages
from nova_mini.db.session import at_the_end, reader, writer

_USAGE = project_usages.c


def get(project_id: str) -> dict[str, int]:
    """{"instances", "cores", "ram" (MiB)} of the project now."""
    with reader() as connection:
        row = (
            connection.execute(project_usages.select().where(_USAGE.project_id == project_id))
            .mappings()
            .first()
        )
    return {name: row[name] if row else 0 for name in ("instances", "cores", "ram")}


def get_of_user(project_id: str, user_id: str) -> dict[str, int]:
    """The same of one user's servers there: summed up, since few users have limits of their own."""
    column = instances.c
    statement = sa.select(
        sa.func.count(), sa.func.sum(column.vcpus), sa.func.sum(column.memory_mb)
    ).where(column.project_id == project_id, column.user_id == user_id, column.deleted.is_(False))
    with reader() as connection:
        count, cores, ram = connection.execute(statement).one()
    return {"instances": count, "cores": int(cores or 0), "ram": int(ram or 0)}


def claim(project_id: str, asked: dict[str, int], limits: dict[str, int]) -> bool:
    """Take ``asked`` if no limit is passed by it (-1 is no limit); call inside the transaction
    that makes the servers. Returns whether it was taken."""
    where = [_USAGE.project_id == project_id]
    where += [
        _USAGE[name] + amount <= limits[name] for name, amount in asked.items() if limits[name] >= 0
    ]
    added = {name: _USAGE[name] + amount for name, amount in asked.items()}
    statement = project_usages.update().where(*where).values(added)
    with writer() as connection:
        if connection.execute(statement).rowcount:
            return True
        # Either a limit was in the way, or this is one of the project's first requests.
        _ensure_row(project_id)
        return bool(connection.execute(statement).rowcount)


def release(project_id: str, count: int, cores: int, ram: int) -> None:
    """Give back what servers held that end in the same transaction."""
    less = {
        "instances": _USAGE.instances - count,
        "cores": _USAGE.cores - cores,
        "ram": _USAGE.ram - ram,
    }
    at_the_end(project_usages.update().where(_USAGE.project_id == project_id).values(less))


def _ensure_row(project_id: str) -> None:
    with writer() as connection:
        exists = connection.execute(
            sa.select(_USAGE.project_id).where(_USAGE.project_id == project_id)
        ).first()
        if exists:
            return
        row = {"project_id": project_id, "instances": 0, "cores": 0, "ram": 0}
        # Another request of the project may be first.
        with contextlib.suppress(db_exc.DBDuplicateEntry), connection.begin_nested():
            connection.execute(project_usages.insert(), row)
