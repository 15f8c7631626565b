"""Flavors, and the projects that may use the private ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exc

from nova_mini import exception
from nova_mini.db import keyset, query
from nova_mini.db.models import flavor_projects, flavors
from nova_mini.db.session import reader, writer

_FLAVOR = flavors.c
_ACCESS = flavor_projects.c


def create(values: Mapping[str, Any]) -> dict:
    """Raises FlavorExists when another flavor has this flavorid or name."""
    try:
        return query.insert(flavors, values)
    except db_exc.DBDuplicateEntry as exc:
        is_id_taken = get_by_flavor_id(values["flavorid"]) is not None
        existing = f"ID {values['flavorid']}" if is_id_taken else f"name {values['name']}"
        raise exception.FlavorExists(existing=existing) from exc


def get_by_flavor_id(flavorid: str, project_id: str | None = None) -> Mapping | None:
    """With ``project_id``, None if that project may not see the flavor."""
    where = [_FLAVOR.flavorid == flavorid]
    if project_id is not None:
        where.append(_visible_to(project_id))
    return query.one(flavors, *where)


def get_all(
    *,
    project_id: str | None = None,
    is_public: bool | None = None,
    disabled: bool | None = None,
    min_memory_mb: int = 0,
    min_root_gb: int = 0,
    sort_key: str = "flavorid",
    descending: bool = False,
    limit: int | None = None,
    marker: str | None = None,
) -> list[Mapping]:
    """One page of flavors, after the flavorid ``marker``.

    ``is_public`` True: the public flavors, and the private ones that ``project_id`` may use; False:
    the private flavors; None: all. Raises MarkerNotFound.
    """
    where = [_FLAVOR.memory_mb >= min_memory_mb, _FLAVOR.root_gb >= min_root_gb]
    if is_public is not None:
        where.append(_visible_to(project_id) if is_public else _FLAVOR.is_public == sa.false())
    if disabled is not None:
        where.append(_FLAVOR.disabled.is_(disabled))
    direction = "desc" if descending else "asc"
    sort = [(sort_key, direction), ("id", direction)]
    if marker is not None:
        last = get_by_flavor_id(marker)
        if last is None:
            raise exception.MarkerNotFound(f"marker [{marker}] not found")
        where.append(keyset.after(flavors, sort, last))
    order = keyset.order_by(flavors, sort)
    statement = flavors.select().where(*where).order_by(*order).limit(limit)
    with reader() as connection:
        return list(connection.execute(statement).mappings())


def update(flavor_id: int, values: Mapping[str, Any]) -> None:
    query.update(flavors, values, _FLAVOR.id == flavor_id)


def change_extra_specs(
    flavor_id: int, added: Mapping[str, str], removed: Collection[str] = ()
) -> dict[str, str]:
    """Return the new extra specs. Of two concurrent changes none is lost: the row is locked."""
    with writer() as connection:
        statement = sa.select(_FLAVOR.extra_specs).where(_FLAVOR.id == flavor_id)
        specs = connection.execute(statement.with_for_update()).scalar() or {}
        specs = {key: value for key, value in {**specs, **added}.items() if key not in removed}
        update(flavor_id, {"extra_specs": specs})
    return specs


def destroy(flavor_id: int) -> None:
    query.delete(flavors, _FLAVOR.id == flavor_id)


def _visible_to(project_id: str | None) -> sa.ColumnElement:
    shared = sa.exists().where(_ACCESS.flavor_id == _FLAVOR.id, _ACCESS.project_id == project_id)
    return sa.or_(_FLAVOR.is_public == sa.true(), shared)


# -- access --------------------------------------------------------------------------------------


def get_access(flavor_id: int) -> list[str]:
    """The projects that may use a private flavor."""
    with reader() as connection:
        statement = sa.select(_ACCESS.project_id).where(_ACCESS.flavor_id == flavor_id)
        return list(connection.execute(statement.order_by(_ACCESS.project_id)).scalars())


def add_access(flavor_id: int, project_id: str, flavorid: str) -> None:
    """Raises FlavorAccessExists."""
    try:
        with writer() as connection:
            row = {"flavor_id": flavor_id, "project_id": project_id}
            connection.execute(flavor_projects.insert(), row)
    except db_exc.DBDuplicateEntry as exc:
        raise exception.FlavorAccessExists(flavor_id=flavorid, project_id=project_id) from exc


def remove_access(flavor_id: int, project_id: str, flavorid: str) -> None:
    """Raises FlavorAccessNotFound."""
    where = (_ACCESS.flavor_id == flavor_id, _ACCESS.project_id == project_id)
    if not query.delete(flavor_projects, *where):
        raise exception.FlavorAccessNotFound(flavor_id=flavorid, project_id=project_id)
