"""The tags of servers."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa
from oslo_db import exception as db_exc

from nova_mini.db import query
from nova_mini.db.models import tags
from nova_mini.db.session import reader, writer


def get_tags(uuids: Collection[str]) -> dict[str, list[str]]:
    """uuid -> sorted tags, for the servers that have any; one query."""
    found: dict[str, list[str]] = {}
    with reader() as connection:
        for uuid, tag in connection.execute(_TAGS, {"of_uuids": list(uuids)}):
            found.setdefault(uuid, []).append(tag)
    return found


_TAGS = (
    tags.select()
    .where(tags.c.resource_id.in_(sa.bindparam("of_uuids", expanding=True)))
    .order_by(tags.c.tag)
)


def set_tags(uuid: str, names: Sequence[str]) -> None:
    """Replace all tags of a server."""
    with writer() as connection:
        connection.execute(tags.delete().where(tags.c.resource_id == uuid))
        if names:
            rows = [{"resource_id": uuid, "tag": tag} for tag in dict.fromkeys(names)]
            connection.execute(tags.insert(), rows)


def add_tags(tags_of: Mapping[str, Sequence[str]]) -> None:
    """``tags_of``: uuid -> tags, of servers that have no tags yet."""
    rows = [
        {"resource_id": uuid, "tag": tag}
        for uuid, names in tags_of.items()
        for tag in dict.fromkeys(names)
    ]
    if rows:
        with writer() as connection:
            connection.execute(tags.insert(), rows)


def add_tag(uuid: str, tag: str) -> None:
    with contextlib.suppress(db_exc.DBDuplicateEntry), writer() as connection:
        connection.execute(tags.insert(), {"resource_id": uuid, "tag": tag})


def remove_tag(uuid: str, tag: str) -> None:
    query.delete(tags, tags.c.resource_id == uuid, tags.c.tag == tag)
