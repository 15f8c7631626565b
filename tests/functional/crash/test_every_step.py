"""Whoever dies after whichever step of an operation: it ends as it was asked for."""

from __future__ import annotations

import pytest

from tests.functional.crash import injection
from tests.functional.crash.operations import OPERATIONS, rebuild_with


@pytest.mark.parametrize("name", [*OPERATIONS, "rebuild"])
def test_a_death_after_every_step(name, cloud, project, images, subtests, crash_report):
    operation = OPERATIONS.get(name) or rebuild_with(images.add(name="other"))
    faults = injection.discover(cloud, project, operation)
    assert {fault.daemon for fault in faults} >= {"c1"}, faults
    for fault in faults:
        with subtests.test(str(fault)):
            try:
                seconds = injection.run(cloud, project, operation, fault)
            finally:
                cloud.mend()
            crash_report.rows.append((name, str(fault), seconds))
