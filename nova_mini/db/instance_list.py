"""Pages of servers: filters, order and markers turned into one query.

A page begins where its marker, the last server of the page before, stands in the order (keyset
paging): the thousandth page costs what the first does.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from nova_mini import exception
from nova_mini.db import keyset
from nova_mini.db.models import COMPUTE_TOPIC, block_device_mapping, instances, services, tags
from nova_mini.db.session import reader

_INSTANCE = instances.c


# -- filters -------------------------------------------------------------------------------------


def _equal(column: sa.Column) -> Callable[[Any], sa.ColumnElement]:
    """One value, or any of a list of them; None is a value."""

    def condition(value) -> sa.ColumnElement:
        if value is None:
            return column.is_(None)
        if not isinstance(value, (list, tuple, set)):
            return column == value
        named = column.in_([each for each in value if each is not None])
        return sa.or_(named, column.is_(None)) if None in value else named

    return condition


def _matching(column: sa.Column) -> Callable[[str], sa.ColumnElement]:
    return lambda pattern: column.regexp_match(pattern)


def _in_second(column: sa.Column) -> Callable[[datetime.datetime], sa.ColumnElement]:
    def condition(when: datetime.datetime) -> sa.ColumnElement:
        start = when.replace(microsecond=0)
        return sa.and_(column >= start, column < start + datetime.timedelta(seconds=1))

    return condition


def _in_states(states: Sequence[tuple[str, Collection[str] | None]]) -> sa.ColumnElement:
    """Any of (vm_state, task_states or None)."""
    cases = [
        _INSTANCE.vm_state == vm_state
        if tasks is None
        else sa.and_(_INSTANCE.vm_state == vm_state, _INSTANCE.task_state.in_(tasks))
        for vm_state, tasks in states
    ]
    return sa.or_(sa.false(), *cases)


def _has_tags(wanted: Collection[str], *, all_of_them: bool) -> sa.ColumnElement:
    found = sa.select(tags.c.resource_id).where(tags.c.tag.in_(wanted))
    if all_of_them:
        found = found.group_by(tags.c.resource_id).having(sa.func.count() == len(set(wanted)))
    return _INSTANCE.uuid.in_(found)


FILTERS: dict[str, Callable[[Any], sa.ColumnElement]] = {
    **{
        name: _equal(_INSTANCE[name])
        for name in (
            "uuid", "project_id", "user_id", "host", "node", "image_ref", "instance_type_id",
            "kernel_id", "ramdisk_id", "key_name", "vm_state", "task_state", "power_state",
            "reservation_id", "launch_index", "root_device_name", "config_drive", "progress",
            "auto_disk_config", "availability_zone", "locked", "locked_by", "access_ip_v4",
            "access_ip_v6", "deleted",
        )
    },
    **{
        name: _matching(_INSTANCE[name])
        for name in ("display_name", "hostname", "display_description")
    },
    **{
        name: _in_second(_INSTANCE[name])
        for name in ("created_at", "launched_at", "terminated_at")
    },
    "states": _in_states,
    "changes-since": lambda when: _INSTANCE.updated_at >= when,
    "changes-before": lambda when: _INSTANCE.updated_at <= when,
    "tags": lambda wanted: _has_tags(wanted, all_of_them=True),
    "tags-any": lambda wanted: _has_tags(wanted, all_of_them=False),
    "not-tags": lambda wanted: sa.not_(_has_tags(wanted, all_of_them=True)),
    "not-tags-any": lambda wanted: sa.not_(_has_tags(wanted, all_of_them=False)),
    "has_addresses": lambda _: _INSTANCE.network_info != "[]",
}  # fmt: skip


# -- pages ---------------------------------------------------------------------------------------


def get_page(
    columns: Sequence[str],
    filters: Mapping[str, Any],
    sort: keyset.Sort,
    limit: int | None,
    marker: str | None = None,
    with_service: bool = False,
) -> list[sa.Row]:
    """At most ``limit`` rows with ``columns``; ``with_service`` adds the state of each host's
    compute service (``service_up_at`` and the like, NULL where there is none).

    ``filters``: names of FILTERS; ``sort`` should end with a unique column. Raises MarkerNotFound.
    """
    where = [FILTERS[name](value) for name, value in filters.items()]
    wanted = dict.fromkeys([*columns, *(name for name, _ in sort), *(["host"] * with_service)])
    with reader() as connection:
        if marker is not None:
            last = _marker_row(connection, marker, filters, sort)
            where.append(keyset.after(instances, sort, last))
        page = sa.select(*(_INSTANCE[name] for name in wanted)).where(*where)
        page = page.order_by(*keyset.order_by(instances, sort)).limit(limit)
        if with_service:
            page = _with_service(page.subquery(), sort)
        return list(connection.execute(page))


def get_one(columns: tuple[str, ...], uuid: str, with_service: bool = False) -> sa.Row | None:
    """One server's row, deleted or not, with columns as :func:`get_page` has them, and whether it
    ``has_tags`` and ``has_volumes``: mostly it has none, and need not be asked for them."""
    with reader() as connection:
        return connection.execute(_one(columns, with_service), {"of_uuid": uuid}).first()


@functools.cache
def _one(columns: tuple[str, ...], with_service: bool) -> sa.Select:
    """Built once: to build it takes longer than to run it."""
    wanted = dict.fromkeys([*columns, *(["host"] * with_service)])
    uuid = sa.bindparam("of_uuid")
    statement = sa.select(
        *(_INSTANCE[name] for name in wanted),
        sa.exists().where(tags.c.resource_id == uuid).label("has_tags"),
        sa.exists().where(_BDM.instance_uuid == uuid, _IS_VOLUME).label("has_volumes"),
    )
    if with_service:
        of_host = sa.and_(services.c.host == _INSTANCE.host, services.c.topic == COMPUTE_TOPIC)
        statement = statement.add_columns(*_SERVICE_COLUMNS).outerjoin_from(
            instances, services, of_host
        )
    return statement.where(_INSTANCE.uuid == uuid)


def _with_service(page: sa.Subquery, sort: keyset.Sort) -> sa.Select:
    """Joined after the limit: joined before, the database would sort all servers first."""
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
    """The marker's place. It may be deleted by now, but must be of the same project."""
    where = [_INSTANCE.uuid == marker]
    if "project_id" in filters:
        where.append(FILTERS["project_id"](filters["project_id"]))
    statement = sa.select(*(_INSTANCE[name] for name, _ in sort)).where(*where)
    row = connection.execute(statement).mappings().first()
    if row is None:
        raise exception.MarkerNotFound(marker=marker)
    return row


def get_volumes(uuids: Collection[str]) -> dict[str, list[tuple[str, bool]]]:
    """uuid -> (volume id, delete_on_termination) of what is attached; one query."""
    found: dict[str, list[tuple[str, bool]]] = {}
    with reader() as connection:
        rows = connection.execute(_VOLUMES, {"of_uuids": list(uuids)})
        for uuid, volume_id, delete_on_termination in rows:
            found.setdefault(uuid, []).append((volume_id, delete_on_termination))
    return found


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
