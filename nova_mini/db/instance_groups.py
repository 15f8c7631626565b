"""Server groups and their members.

A server is a member from its creation to its deletion, so no query has to skip deleted servers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from nova_mini import exception
from nova_mini.db import open_migrations, project_usages, query
from nova_mini.db.models import (
    allocations,
    instance_group_members,
    instance_groups,
    instances,
    migrations,
)
from nova_mini.db.session import reader, writer

_GROUP = instance_groups.c
_MEMBER = instance_group_members.c
_SOURCE = allocations.alias("source")  # allocations that migrations hold


# -- groups --------------------------------------------------------------------------------------


def create(values: Mapping[str, Any], of_project: int, of_user: int) -> dict:
    """Insert a group, unless its project or its user has too many (-1: unlimited).

    Raises ServerGroupLimitExceeded.
    """
    project_id, user_id = values["project_id"], values["user_id"]
    with writer():
        project_usages.lock(project_id)
        if 0 <= of_project <= count(project_id) or 0 <= of_user <= count(project_id, user_id):
            raise exception.ServerGroupLimitExceeded()
        return query.insert(instance_groups, values)


def count(project_id: str, user_id: str = "") -> int:
    """The number of groups of a project, or of one user in it."""
    where = [_GROUP.project_id == project_id, *([_GROUP.user_id == user_id] if user_id else [])]
    with reader() as connection:
        statement = sa.select(sa.func.count()).select_from(instance_groups).where(*where)
        return connection.execute(statement).scalar_one()


def get(uuid: str) -> Mapping | None:
    return query.one(instance_groups, _GROUP.uuid == uuid)


def get_page(project_id: str | None, limit: int, offset: int) -> list[Mapping]:
    """Groups in the order of their creation; of all projects if ``project_id`` is None."""
    where = [] if project_id is None else [_GROUP.project_id == project_id]
    statement = instance_groups.select().where(*where).order_by(_GROUP.id)
    with reader() as connection:
        return list(connection.execute(statement.limit(limit).offset(offset)).mappings())


def destroy(uuid: str) -> None:
    """Delete a group; its members become servers without a group. Raises InstanceGroupNotFound."""
    if not query.delete(instance_groups, _GROUP.uuid == uuid):
        raise exception.InstanceGroupNotFound(group_uuid=uuid)


# -- members -------------------------------------------------------------------------------------


def get_members(group_ids: Collection[int]) -> dict[int, list[str]]:
    """group ID -> UUIDs of its members, in the order of their creation; one query."""
    rows = query.many(
        instance_group_members, _MEMBER.group_id.in_(group_ids), order_by=[_MEMBER.id]
    )
    members: dict[int, list[str]] = {}
    for row in rows:
        members.setdefault(row["group_id"], []).append(row["instance_uuid"])
    return members


def add_members(group_uuid: str, instance_uuids: Sequence[str], user_id: str, limit: int) -> None:
    """Add new servers of a user, unless he would have more than ``limit`` (-1: unlimited) in it.

    Called in the transaction that inserts the servers. The group is locked, so that concurrent
    requests cannot exceed the limit. Raises InstanceGroupNotFound, GroupMemberLimitExceeded.
    """
    with writer() as connection:
        own = sa.select(_GROUP.id).where(_GROUP.uuid == group_uuid)
        group_id = connection.execute(own.with_for_update()).scalar()
        if group_id is None:
            raise exception.InstanceGroupNotFound(group_uuid=group_uuid)
        if 0 <= limit < _count_of_user(group_id, user_id) + len(instance_uuids):
            raise exception.GroupMemberLimitExceeded()
        rows = [{"instance_uuid": uuid, "group_id": group_id} for uuid in instance_uuids]
        query.insert_many(instance_group_members, rows)


def _count_of_user(group_id: int, user_id: str) -> int:
    joined = instance_group_members.join(instances, instances.c.uuid == _MEMBER.instance_uuid)
    statement = sa.select(sa.func.count()).select_from(joined)
    statement = statement.where(_MEMBER.group_id == group_id, instances.c.user_id == user_id)
    with reader() as connection:
        return connection.execute(statement).scalar_one()


def remove_members(instance_uuids: Collection[str]) -> None:
    query.delete(instance_group_members, _MEMBER.instance_uuid.in_(instance_uuids))


Hosts = dict[int, dict[str, int]]  # group ID -> host -> how many members are there


def get_hosts(
    group_ids: Collection[int], but: Collection[str] = (), at: Collection[str] | None = None
) -> Hosts:
    """Where the members have their allocations, and, while they move, those of their migrations.

    The servers ``but`` are not counted. ``at``: only these hosts are read.
    """
    of_groups = sa.and_(_MEMBER.group_id.in_(group_ids), _MEMBER.instance_uuid.not_in(but))
    allocated, moving = _allocated().where(of_groups), _moving().where(of_groups)
    if at is not None:
        allocated = allocated.where(allocations.c.host.in_(at))
        moving = moving.where(_SOURCE.c.host.in_(at))
    return _hosts(sa.union_all(allocated, moving))


def get_allocated_hosts(group_ids: Collection[int]) -> Hosts:
    """Where the members have their allocations."""
    return _hosts(_allocated().where(_MEMBER.group_id.in_(group_ids)))


def _hosts(statement: sa.Select | sa.CompoundSelect) -> Hosts:
    hosts: Hosts = {}
    with reader() as connection:
        for group_id, host, number in connection.execute(statement):
            placed = hosts.setdefault(group_id, {})
            placed[host] = placed.get(host, 0) + number
    return hosts


def _allocated() -> sa.Select:
    """(group ID, host, number of members that have their allocation there)"""
    held = allocations.c
    joined = instance_group_members.join(allocations, held.consumer_uuid == _MEMBER.instance_uuid)
    statement = sa.select(_MEMBER.group_id, held.host, sa.func.count()).select_from(joined)
    return statement.group_by(_MEMBER.group_id, held.host)


def _moving() -> sa.Select:
    """(group ID, host, number of members that have the allocation of an open migration there, and
    their own somewhere else)"""
    own = allocations.alias()
    joined = (
        instance_group_members.join(migrations, migrations.c.instance_uuid == _MEMBER.instance_uuid)
        .join(_SOURCE, _SOURCE.c.consumer_uuid == migrations.c.uuid)
        .outerjoin(own, own.c.consumer_uuid == _MEMBER.instance_uuid)
    )
    return (
        sa.select(_MEMBER.group_id, _SOURCE.c.host, sa.func.count())
        .select_from(joined)
        .where(
            open_migrations.is_open(),
            sa.or_(own.c.host.is_(None), own.c.host != _SOURCE.c.host),
        )
        .group_by(_MEMBER.group_id, _SOURCE.c.host)
    )
