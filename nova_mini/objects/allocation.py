"""The claims of the scheduler in the ledger: made in batches, in the scheduler's own process.

Only services with a database import this module.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import ParamSpec, TypeVar

from oslo_db import exception as db_exc

from nova_mini import db, exception
from nova_mini.db.allocations import Claim as Claim
from nova_mini.resource_amounts import ResourceAmounts

P = ParamSpec("P")
T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class Allocation:
    """The resources that a consumer holds on a host."""

    host: str
    amounts: ResourceAmounts


def _persistent(function: Callable[P, T]) -> Callable[P, T]:
    """Retry while the database is unavailable; finally raise DatabaseUnavailable."""
    return functools.wraps(function)(db.session.errors_named(db.session.retried(function)))


@_persistent
def claim_many(claims: Sequence[Claim]) -> set[str]:
    """Make the claims that fit, and return the consumers whose claims were made.

    Raises AllocationExists, and makes no claim, when a consumer already has an allocation.
    """
    try:
        return db.allocations.claim_many(claims)
    except db_exc.DBDuplicateEntry as exc:
        raise exception.AllocationExists() from exc


@_persistent
def get_many(consumer_uuids: Collection[str]) -> dict[str, Allocation]:
    """consumer -> allocation, for the consumers that have one."""
    return {
        row["consumer_uuid"]: Allocation(
            row["host"], {name: row[name] for name in ("vcpus", "memory_mb", "local_gb")}
        )
        for row in db.allocations.get_many(consumer_uuids)
    }


@_persistent
def release_many(consumer_uuids: Iterable[str]) -> None:
    """Delete the allocations of these consumers, if they have any."""
    db.allocations.release_many(consumer_uuids)
