"""Claims in the ledger, as the scheduler makes them: in batches, in its own process.

Only services with a database import this; a compute asks the conductor.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from oslo_db import exception as db_exc

from nova_mini import db, exception

T = TypeVar("T")
Claim = db.allocations.Claim


def _persistent(function: Callable[..., T]) -> Callable[..., T]:
    """Tried again while the database is away; in the end DatabaseUnavailable."""
    return functools.wraps(function)(db.session.errors_named(db.session.retried(function)))


@_persistent
def claim_many(claims: Sequence[Claim]) -> set[str]:
    """Make those claims for which there is room; returns the consumers that got theirs.

    Raises AllocationExists, and makes none, when one of the consumers holds something already.
    """
    try:
        return db.allocations.claim_many(claims)
    except db_exc.DBDuplicateEntry as exc:
        raise exception.AllocationExists() from exc


@_persistent
def get_many(consumer_uuids: Collection[str]) -> dict[str, Mapping]:
    """consumer -> {"host", "vcpus", "memory_mb", "local_gb"} of those that hold something."""
    return {row["consumer_uuid"]: row for row in db.allocations.get_many(consumer_uuids)}


@_persistent
def release_many(consumer_uuids: Iterable[str]) -> None:
    db.allocations.release_many(consumer_uuids)
