"""Key pairs: the public keys of users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exc

from nova_mini import exception
from nova_mini.db import query
from nova_mini.db.models import key_pairs
from nova_mini.db.session import reader

_KEY = key_pairs.c


def create(values: Mapping[str, Any]) -> dict:
    """Raises KeyPairExists."""
    try:
        return query.insert(key_pairs, values)
    except db_exc.DBDuplicateEntry as exc:
        raise exception.KeyPairExists(key_name=values["name"]) from exc


def get(user_id: str, name: str) -> Mapping | None:
    return query.one(key_pairs, _KEY.user_id == user_id, _KEY.name == name)


def get_by_user(user_id: str, limit: int | None = None, marker: str | None = None) -> list[Mapping]:
    """One page in the order of names, after the name ``marker``. Raises MarkerNotFound."""
    where = [_KEY.user_id == user_id]
    if marker is not None:
        if get(user_id, marker) is None:
            raise exception.MarkerNotFound(marker=marker)
        where.append(_KEY.name > marker)
    with reader() as connection:
        statement = key_pairs.select().where(*where).order_by(_KEY.name).limit(limit)
        return list(connection.execute(statement).mappings())


def count(user_id: str) -> int:
    """The number of key pairs of a user."""
    with reader() as connection:
        statement = sa.select(sa.func.count()).select_from(key_pairs).where(_KEY.user_id == user_id)
        return connection.execute(statement).scalar_one()


def destroy(user_id: str, name: str) -> None:
    """Raises KeypairNotFound."""
    if not query.delete(key_pairs, _KEY.user_id == user_id, _KEY.name == name):
        raise exception.KeypairNotFound(name=name, user_id=user_id)
