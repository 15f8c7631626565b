"""Faults on request, for tests of clients: what the guest of a server does wrong.

The metadata of the server requests them, or an extra spec of its flavor. ``[fake] faults`` says who
may do so, by default nobody; the API checks it (``compute/requests/fault_checks.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini.conf import CONF

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance

# The hosts on which the guest cannot be spawned, separated by spaces; * for all.
FAIL_SPAWN_ON = "fake:fail_spawn_on"
# How long the spawn of the guest takes.
SPAWN_SECONDS = "fake:spawn_seconds"
# How long another operation takes: its name, as in DELAYED, between the two.
_DELAY = "fake:{}_seconds"
DELAYED = (
    "start",
    "stop",
    "reboot",
    "pause",
    "unpause",
    "suspend",
    "resume",
    "resize",
    "snapshot",
    "rescue",
    "unrescue",
)
# The guest ignores requests to shut down or to release a device, as a paused guest does.
DEAF = "fake:deaf"
# The guest has a disk on its host. This is no fault.
LOCAL_DISK = "fake:local_disk"

# How long a live migration takes.
LIVE_MIGRATION_SECONDS = "fake:live_migration_seconds"
# The live migration fails.
FAIL_LIVE_MIGRATION = "fake:fail_live_migration"
# The hosts that refuse a live migration, as above.
REFUSE_LIVE_MIGRATION_TO = "fake:refuse_live_migration_to"


def requested(instance: Instance, key: str) -> str | None:
    """The value of a fault that the metadata or the flavor of the server requests; else None."""
    if CONF.fake.faults == "nobody":
        return None
    extra_specs = instance.flavor.extra_specs or {}
    return instance.metadata.get(key, extra_specs.get(key))


def delay_of(instance: Instance, operation: str) -> float:
    """How many seconds one of the operations DELAYED takes."""
    return float(requested(instance, _DELAY.format(operation)) or 0)
