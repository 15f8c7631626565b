"""Make the system of a guest write a crash dump."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.trace import traced


@traced("trigger_crash_dump")
def trigger_crash_dump(op: HostOperation) -> None:
    """Inject a non-maskable interrupt, at most once: a second one would disturb a guest that is
    writing its dump already."""
    if not op.is_first_attempt:
        raise exception.Invalid(
            "The crash dump was interrupted. The guest may have got the interrupt; if it writes no "
            "dump, request it again."
        )
    op.notify_versioned("trigger_crash_dump", "start")
    op.host.driver.trigger_crash_dump(op.instance)
    op.notify_versioned("trigger_crash_dump", "end")
