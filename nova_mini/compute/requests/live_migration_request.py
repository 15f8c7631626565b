"""Check and store what a user requests of a live migration that is in progress."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from nova_mini import exception
from nova_mini.objects import migration
from nova_mini.objects.instance import Instance
from nova_mini.objects.migration_records import MigrationRecord, get_by_id


class Requested(NamedTuple):
    """``value``: as the migration stores it; ``action``: the name in the history of the server;
    ``method``: the name in messages for users."""

    value: str
    action: str
    method: str


ABORT = Requested(migration.ABORT, "live_migration_cancel", "abort live migration")
FORCE_COMPLETE = Requested(
    migration.FORCE_COMPLETE, "live_migration_force_complete", "force complete"
)

_MAX_ID = 2**31 - 1


def find(
    instance: Instance, migration_id: str, requested: Requested, statuses: Collection[str]
) -> MigrationRecord:
    """The live migration of a server. Raises MigrationNotFound, and InvalidMigrationState if it has
    none of the ``statuses``."""
    is_number = migration_id.isascii() and migration_id.isdigit() and len(migration_id) < 11
    number = int(migration_id) if is_number else 0
    found = get_by_id(instance.uuid, number) if 0 < number <= _MAX_ID else None
    if found is None or not found.is_live:
        raise exception.MigrationNotFound(
            migration_id=migration_id[:64], instance_uuid=instance.uuid
        )
    if found.status not in statuses:
        raise _wrong_state(instance, found.id, found.status, requested)
    return found


def store(
    instance: Instance, migration_id: int, requested: Requested, statuses: Collection[str]
) -> None:
    """Called in the transaction that adds the request to the history. Raises
    InvalidMigrationState."""
    if not migration.Migration.request(instance.uuid, migration_id, requested.value, statuses):
        raise _wrong_state(instance, migration_id, "another one", requested)


def _wrong_state(
    instance: Instance, migration_id: int, state: str, requested: Requested
) -> exception.InvalidMigrationState:
    return exception.InvalidMigrationState(
        migration_id=migration_id,
        instance_uuid=instance.uuid,
        state=state,
        method=requested.method,
    )
