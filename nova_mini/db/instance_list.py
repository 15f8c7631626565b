"""Pages of servers: filters, order and marker as one query.

A page begins after its marker, the last server of the previous page (keyset pagination). So the
thousandth page costs as much as the first.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from nova_mini import exception
from nova_mini.db import keyset
from nova_mini.db.models import (
    COMPUTE_TOPIC,
    block_device_mapping,
    instance_group_members,
    instance_groups,
    instances,
    services,
    tags,
)
from nova_mini.db.session import reader
from nova_mini.patterns import LIKE_ESCAPE
from nova_mini.states import vm_states

_INSTANCE = instances.c


# -- filters -------------------------------------------------------------------------------------


def _equal(column: sa.Column) -> Callable[[Any], sa.ColumnElement]:
    """The filter of a column: one value, or a list of accepted values. None is a value."""

    def condition(value) -> sa.ColumnElement:
        if value is None:
            return column.is_(None)
        if not isinstance(value, (list, tuple, set)):
            return column == value
        named = column.in_([each for each in value if each is not None])
        return sa.or_(named, column.is_(None)) if None in value else named

    return condition


def _like(column: sa.Column) -> Callable[[str], sa.ColumnElement]:
    """The filter of a column's text in lower case, without the conversion of the column's type."""
    text = sa.func.lower(sa.type_coerce(column, sa.Text))
    return lambda pattern: text.like(pattern, escape=LIKE_ESCAPE)


def _of_image(requested: tuple[str, str]) -> sa.ColumnElement:
    """The condition for servers of an image. ``requested``: its ID, and the item of the system
    metadata (JSON) that names the image of a volume-backed server."""
    image_id, item = requested
    metadata = sa.type_coerce(_INSTANCE.system_metadata, sa.Text)
    return sa.or_(
        _INSTANCE.image_ref == image_id,
        sa.and_(_INSTANCE.image_ref.is_(None), metadata.contains(item, autoescape=True)),
    )


def _in_second(column: sa.Column) -> Callable[[datetime.datetime], sa.ColumnElement]:
    """The filter of a time, to the second."""

    def condition(time: datetime.datetime) -> sa.ColumnElement:
        start = time.replace(microsecond=0)
        return sa.and_(column >= start, column < start + datetime.timedelta(seconds=1))

    return condition


def _updated_not_after(time: datetime.datetime) -> sa.ColumnElement:
    """Compares whole seconds, because the API shows the time of the last change in seconds."""
    return _INSTANCE.updated_at < time.replace(microsecond=0) + datetime.timedelta(seconds=1)


def _in_states(states: Sequence[tuple[str, Collection[str] | None]]) -> sa.ColumnElement:
    """``states``: the accepted (vm_state, task_states); task_states None: any task state."""
    cases = [
        _INSTANCE.vm_state == vm_state
        if tasks is None
        else sa.and_(_INSTANCE.vm_state == vm_state, _INSTANCE.task_state.in_(tasks))
        for vm_state, tasks in states
    ]
    return sa.or_(sa.false(), *cases)


def _has_tags(names: Collection[str], *, require_all: bool) -> sa.ColumnElement:
    found = sa.select(tags.c.resource_id).where(tags.c.tag.in_(names))
    if require_all:
        found = found.group_by(tags.c.resource_id).having(sa.func.count() == len(set(names)))
    return _INSTANCE.uuid.in_(found)


FILTERS: dict[str, Callable[[Any], sa.ColumnElement]] = {
    **{
        name: _equal(_INSTANCE[name])
        for name in (
            "uuid",
            "project_id",
            "user_id",
            "host",
            "node",
            "instance_type_id",
            "kernel_id",
            "ramdisk_id",
            "key_name",
            "vm_state",
            "task_state",
            "power_state",
            "reservation_id",
            "launch_index",
            "root_device_name",
            "config_drive",
            "progress",
            "auto_disk_config",
            "availability_zone",
            "locked",
            "locked_by",
            "access_ip_v4",
            "access_ip_v6",
            "deleted",
        )
    },
    "image": _of_image,
    **{
        f"{name}-like": _like(_INSTANCE[name])
        for name in (
            "display_name",
            "hostname",
            "display_description",
            "network_info",
            "metadata",
        )
    },
    **{
        name: _in_second(_INSTANCE[name]) for name in ("created_at", "launched_at", "terminated_at")
    },
    "states": _in_states,
    "soft_deleted": lambda _: _INSTANCE.vm_state != vm_states.SOFT_DELETED,  # always False
    "deleted or soft_deleted": lambda _: sa.or_(
        _INSTANCE.deleted == sa.true(), _INSTANCE.vm_state == vm_states.SOFT_DELETED
    ),
    "changes-since": lambda when: _INSTANCE.updated_at >= when,
    "changes-before": _updated_not_after,
    "tags": lambda names: _has_tags(names, require_all=True),
    "tags-any": lambda names: _has_tags(names, require_all=False),
    "not-tags": lambda names: sa.not_(_has_tags(names, require_all=True)),
    "not-tags-any": lambda names: sa.not_(_has_tags(names, require_all=False)),
    "has_addresses": lambda _: _INSTANCE.network_info != "[]",
}


# -- pages ---------------------------------------------------------------------------------------


def get_page(
    columns: Sequence[str],
    filters: Mapping[str, Any],
    sort: keyset.Sort,
    limit: int | None,
    marker: str | None = None,
    with_service: bool = False,
) -> list[sa.Row]:
    """At most ``limit`` rows with ``columns``.

    ``with_service`` adds the state of the host's compute service (``service_last_seen_up``,
    ``service_available``, ``service_disabled``, ``service_forced_down``; NULL without a host).
    ``filters``: keys of FILTERS. ``sort`` must end with a unique column. Raises MarkerNotFound.
    """
    where = [FILTERS[name](value) for name, value in filters.items()]
    selected = dict.fromkeys([*columns, *(name for name, _ in sort), *(["host"] * with_service)])
    with reader() as connection:
        if marker is not None:
            last = _marker_row(connection, marker, filters, sort)
            where.append(keyset.after(instances, sort, last))
        page = sa.select(*(_INSTANCE[name] for name in selected)).where(*where)
        page = page.order_by(*keyset.order_by(instances, sort)).limit(limit)
        if with_service:
            page = _with_service(page.subquery(), sort)
        return list(connection.execute(page))


def get_one(columns: tuple[str, ...], uuid: str, with_service: bool = False) -> sa.Row | None:
    """The row of one server, deleted or not, with columns as of :func:`get_page`, and with
    ``has_tags`` and ``has_volumes``. Most servers have none, and save the caller two queries.
    ``server_group``: the UUID of its group, or None."""
    with reader() as connection:
        return connection.execute(_one(columns, with_service), {"of_uuid": uuid}).first()


@functools.cache
def _one(columns: tuple[str, ...], with_service: bool) -> sa.Select:
    """The statement of :func:`get_one`. Cached, because building it takes longer than running
    it."""
    selected = dict.fromkeys([*columns, *(["host"] * with_service)])
    uuid: sa.BindParameter[str] = sa.bindparam("of_uuid")
    statement = sa.select(
        *(_INSTANCE[name] for name in selected),
        sa.exists().where(tags.c.resource_id == uuid).label("has_tags"),
        sa.exists().where(_BDM.instance_uuid == uuid, _IS_VOLUME).label("has_volumes"),
        _group_of(uuid).label("server_group"),
    )
    if with_service:
        of_host = sa.and_(services.c.host == _INSTANCE.host, services.c.topic == COMPUTE_TOPIC)
        statement = statement.add_columns(*_SERVICE_COLUMNS).outerjoin_from(
            instances, services, of_host
        )
    return statement.where(_INSTANCE.uuid == uuid)


def _group_of(uuid: sa.BindParameter) -> sa.ScalarSelect:
    member, group = instance_group_members.c, instance_groups.c
    joined = instance_group_members.join(instance_groups, group.id == member.group_id)
    of_server = sa.select(group.uuid).select_from(joined).where(member.instance_uuid == uuid)
    return of_server.scalar_subquery()


def _with_service(page: sa.Subquery, sort: keyset.Sort) -> sa.Select:
    """Join the services after the limit. With a join before it, the database would sort all servers
    first."""
    of_host = sa.and_(services.c.host == page.c.host, services.c.topic == COMPUTE_TOPIC)
    joined = sa.select(*page.c, *_SERVICE_COLUMNS).select_from(page.outerjoin(services, of_host))
    return joined.order_by(*keyset.order_by(page, sort))


_SERVICE_COLUMNS = [
    services.c.last_seen_up.label("service_last_seen_up"),
    services.c.available.label("service_available"),
    services.c.disabled.label("service_disabled"),
    services.c.forced_down.label("service_forced_down"),
]


def _marker_row(connection, marker: str, filters: Mapping, sort: keyset.Sort) -> Mapping:
    """The sort columns of the marker. It may be a deleted server, but must be of the same
    project."""
    where = [_INSTANCE.uuid == marker]
    if "project_id" in filters:
        where.append(FILTERS["project_id"](filters["project_id"]))
    statement = sa.select(*(_INSTANCE[name] for name, _ in sort)).where(*where)
    row = connection.execute(statement).mappings().first()
    if row is None:
        raise exception.MarkerNotFound(f"marker [{marker}] not found")
    return row


def get_volumes(uuids: Collection[str]) -> dict[str, list[tuple[str, bool]]]:
    """uuid -> [(volume ID, delete_on_termination)] of the attached volumes; one query."""
    found: dict[str, list[tuple[str, bool]]] = {}
    with reader() as connection:
        rows = connection.execute(_VOLUMES, {"of_uuids": list(uuids)})
        for uuid, volume_id, delete_on_termination in rows:
            found.setdefault(uuid, []).append((volume_id, delete_on_termination))
    return found


def get_system_metadata(uuids: Collection[str]) -> dict[str, dict[str, str]]:
    """uuid -> system metadata; one query."""
    statement = sa.select(instances.c.uuid, instances.c.system_metadata)
    with reader() as connection:
        rows = connection.execute(statement.where(instances.c.uuid.in_(uuids)))
        return {row.uuid: row.system_metadata for row in rows}


_BDM = block_device_mapping.c
_IS_VOLUME = _BDM.volume_id.is_not(None)
_VOLUMES = (
    sa.select(_BDM.instance_uuid, _BDM.volume_id, _BDM.delete_on_termination)
    .where(
        _BDM.instance_uuid.in_(sa.bindparam("of_uuids", expanding=True)),
        _IS_VOLUME,
    )
    .order_by(_BDM.id)
)
