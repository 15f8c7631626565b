"""One death in one run of an operation: ordered, suffered, recovered from, measured."""

from __future__ import annotations

import time

from tests.integration.cloud.crash.operations import SECONDS, Boot, Operation
from tests.integration.cloud.harness import oracle, trace
from tests.integration.cloud.harness.cloud import Cloud
from tests.integration.cloud.harness.instruments import Instruments

_DEATH_SECONDS = 40


def discover(cloud: Cloud, boot: Boot, operation: Operation, *daemons: str) -> list[str]:
    """The steps that a normal run of the operation ends in these daemons."""
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
    """Strike after ``step``; systemd starts the dead again. Seconds until all was well."""
    before = operation.prepare(boot)
    instruments.die_after(step)
    guest = operation.act(cloud, boot, before)
    instruments.wait_struck(step, _DEATH_SECONDS)
    struck = time.monotonic()
    operation.check(cloud, guest)
    oracle.assert_clean(cloud, SECONDS)
    took = time.monotonic() - struck
    guest.delete()
    return took
