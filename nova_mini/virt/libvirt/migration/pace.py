"""How long a live migration may take, and how long the guest may stop for it.

A guest that writes its memory faster than it is copied is never moved, unless it is stopped for a
longer time at the end. So the permitted downtime grows step by step; at last the migration is
cancelled, or completed by force.
"""

from __future__ import annotations

import dataclasses
import math

from nova_mini.conf import CONF

_SMALLEST_GIB = 2  # a smaller guest has as much time as one of this size


@dataclasses.dataclass(frozen=True)
class Pace:
    """``size``: GiB that are copied, of memory and disks."""

    size: float

    @classmethod
    def of(cls, memory_mb: int, disk_gb: float = 0) -> Pace:
        return cls(max(memory_mb / 1024, _SMALLEST_GIB) + disk_gb)

    def downtime_after(self, seconds: float) -> int:
        """Milliseconds that the guest may stop, when the migration has taken so long."""
        options = CONF.libvirt
        steps = options.live_migration_downtime_steps
        step = min(int(seconds / (options.live_migration_downtime_delay * self.size)), steps)
        # From a tenth to all of the permitted downtime, by equal factors.
        smallest = max(options.live_migration_downtime // steps, 1)
        factor = (options.live_migration_downtime / smallest) ** (step / steps)
        return math.ceil(smallest * factor)

    @property
    def timeout(self) -> float | None:
        """Seconds after which ``live_migration_timeout_action`` follows; None for never."""
        seconds = CONF.libvirt.live_migration_completion_timeout
        return seconds * self.size if seconds else None
