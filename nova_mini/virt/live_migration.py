"""What the compute manager and a driver tell each other about a live migration."""

from __future__ import annotations

import enum
from typing import Any, Protocol

# What the driver has found out at the source, and prepared at the destination. JSON objects, which
# only the driver reads; they are stored with the action.
SourceFacts = dict[str, Any]
DestinationFacts = dict[str, Any]


class GuestPlace(enum.Enum):
    """What a hypervisor has of a guest that moves.

    ABSENT: nothing. INCOMING: it receives the guest, which does not run here yet. ACTIVE: the guest
    runs here, or is paused. OFF: it has the guest's definition, and the guest does not run here.
    """

    ABSENT = "absent"
    INCOMING = "incoming"
    ACTIVE = "active"
    OFF = "off"


class Watch(Protocol):
    """Follows a migration that runs. The driver calls it from the thread that waits."""

    def report(self, **progress: int) -> str | None:
        """Report the progress, in bytes: ``memory_total``, ``memory_processed``,
        ``memory_remaining``, and the same of ``disk``. It may be called often.

        Returns what a user requests, ``abort`` or ``force_complete``, else None. Raises
        InstanceOwnershipLost; the driver cancels the migration then.
        """

    def may_hurry(self) -> bool:
        """Whether the destination's ports are wired, or were not in time. Until then the guest
        moves slowly: it would arrive without a network."""

    def guest_left(self) -> None:
        """The guest stops at the source, and is about to run at the destination. Does not raise
        errors of external services."""
