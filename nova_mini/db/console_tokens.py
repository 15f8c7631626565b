"""Console tokens: each lets a browser open one console of one server, until it expires.

No query revokes a token. A token names the newest action of its server at its creation, and is
valid only while no later action exists that ends the consoles of a server: the intent to stop or
move a server revokes its tokens in the same transaction, and no process can die in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from nova_mini.clock import utcnow
from nova_mini.db import query
from nova_mini.db.models import console_tokens, instance_actions, instances
from nova_mini.db.session import reader

_TOKEN = console_tokens.c

# Names of actions, as in the history of a server, that revoke the earlier tokens: the guest stops,
# gets another content, or leaves its host.
ENDING_ACTIONS = frozenset(
    {
        "delete",
        "restore",
        "start",
        "stop",
        "suspend",
        "resume",
        "rebuild",
        "rescue",
        "unrescue",
        "shelve",
        "shelveOffload",
        "unshelve",
        "resize",
        "migrate",
        "revertResize",
        "live-migration",
        "evacuate",
    }
)


def add(values: Mapping[str, Any]) -> None:
    query.insert(console_tokens, values)


def newest_action(instance_uuid: str) -> int:
    """The id of the newest action of a server."""
    action = instance_actions.c
    statement = sa.select(sa.func.max(action.id)).where(action.instance_uuid == instance_uuid)
    with reader() as connection:
        return connection.execute(statement).scalar() or 0


def find_valid(token_hash: str) -> Mapping[str, Any] | None:
    """The row of a token that has not expired and is not revoked."""
    action, server = instance_actions.c, instances.c
    ended = sa.exists().where(
        action.instance_uuid == _TOKEN.instance_uuid,
        action.id > _TOKEN.action_id,
        action.action.in_(ENDING_ACTIONS),
    )
    here = sa.exists().where(
        server.uuid == _TOKEN.instance_uuid,
        server.host == _TOKEN.compute_host,
        server.deleted == sa.false(),
    )
    return query.one(
        console_tokens, _TOKEN.token_hash == token_hash, _TOKEN.expires_at > utcnow(), here, ~ended
    )


def remove_expired() -> int:
    """Remove the rows of expired tokens. Returns how many there were."""
    return query.delete(console_tokens, _TOKEN.expires_at <= utcnow())
