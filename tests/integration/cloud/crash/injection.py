"""Kill a daemon at a step of an operation, and measure the time of the recovery."""

from __future__ import annotations

import time

from tests.integration.cloud.crash.operations import SECONDS, Boot, Operation
from tests.integration.cloud.harness import oracle, trace
from tests.integration.cloud.harness.cloud import Cloud
from tests.integration.cloud.harness.instruments import Instruments

_DEATH_SECONDS = 40


def discover(cloud: Cloud, boot: Boot, operation: Operation, *daemons: str) -> list[str]:
    """The steps of the operation in these daemons, in a run without a fault."""
    before = operation.prepare(boot)
    recorder = trace.Recorder()
    guest = operation.act(cloud, boot, before)
    operation.check(cloud, guest)
    oracle.assert_clean(cloud)
    found = [name for daemon, name in recorder.steps() if daemon in daemons]
    guest.delete()
    return found


def run(
    cloud: Cloud, boot: Boot, operation: Operation, step: str, instruments: Instruments
) -> float:
    """Kill the daemon after ``step``; systemd starts it again. Returns the seconds until the
    recovery."""
    before = operation.prepare(boot)
    instruments.die_after(step)
    guest = operation.act(cloud, boot, before)
    instruments.wait_injected(step, _DEATH_SECONDS)
    struck = time.monotonic()
    operation.check(cloud, guest)
    oracle.assert_clean(cloud, SECONDS)
    took = time.monotonic() - struck
    guest.delete()
    return took
