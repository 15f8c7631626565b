"""The answer of a live migration to clients of the microversions before 2.34: they expect that its
checks are over then, and a refusal as the answer itself."""

from __future__ import annotations

import time

from nova_mini import exception
from nova_mini.objects import instance_fault, migration_records
from nova_mini.objects.instance import Instance
from nova_mini.states import migration_states

_SECONDS = 60.0
_POLL_SECONDS = 0.2
_UNDECIDED = (migration_states.ACCEPTED, migration_states.PREPARING)


def wait(instance: Instance, migration_uuid: str) -> None:
    """Wait until source and destination have checked the guest; at most a minute, after which a
    refusal is found only in the history. Raises MigrationPreCheckError if no host takes the
    guest."""
    deadline = time.monotonic() + _SECONDS
    while (status := migration_records.get_status(migration_uuid)) in _UNDECIDED:
        if time.monotonic() >= deadline:
            return
        time.sleep(_POLL_SECONDS)
    if status == migration_states.ERROR:
        reason = instance_fault.get_latest_message(instance.uuid)
        raise exception.MigrationPreCheckError(reason or "No host can take the server.")
