"""One fault in one run of an operation: found, struck, recovered from, measured."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field

from tests.functional.crash.operations import Operation
from tests.functional.harness import oracle
from tests.functional.harness.cloud import Cloud
from tests.functional.harness.daemon import Daemon
from tests.functional.harness.project import Project

_BEGINS = re.compile(r"step (\S+) begins")
_ENDS = re.compile(r"step (\S+) took")
_DEATH_SECONDS = 15


@dataclass(frozen=True)
class Injection:
    """``moment``: a step, for its end, or "before" and a step."""

    daemon: str
    moment: str

    def __str__(self) -> str:
        when = self.moment if self.moment.startswith("before") else f"after {self.moment}"
        return f"{self.daemon} dies {when}"


@dataclass
class Report:
    """What the terminal shows at the end: (operation, fault, seconds until all was well)."""

    rows: list[tuple[str, str, float]] = field(default_factory=list)


def discover(cloud: Cloud, project: Project, operation: Operation) -> list[Injection]:
    """Every moment between two steps of a normal run of the operation, in whichever daemon: the end
    of each, and the begin of the first and of every step that sends a message."""
    server = operation.prepare(project)
    before = {daemon.name: daemon.process.log.stat().st_size for daemon in cloud.daemons}
    operation.check(project, operation.act(project, server))
    oracle.assert_clean(cloud)
    found: dict[Injection, None] = {}
    for daemon in cloud.daemons:
        log = _read_from(daemon, before[daemon.name])
        begun = _BEGINS.findall(log)
        moments = [f"before {step}" for step in begun if step == begun[0] or "API." in step]
        for moment in [*moments, *_ENDS.findall(log)]:
            found[Injection(daemon.name, moment)] = None
    return list(found)


def _read_from(daemon: Daemon, offset: int) -> str:
    with daemon.process.log.open(errors="replace") as log:
        log.seek(offset)
        return log.read()


def run(cloud: Cloud, project: Project, operation: Operation, fault: Injection) -> float:
    """Strike, start the daemon again at once; seconds from its death until all was well."""
    server = operation.prepare(project)
    daemon = next(each for each in cloud.daemons if each.name == fault.daemon)
    daemon.strike_at(fault.moment)
    asked = operation.act(project, server)
    daemon.wait_struck(fault.moment)
    struck = time.monotonic()
    if daemon is not cloud.api:  # it replaces its workers by itself
        daemon.process.wait_dead(_DEATH_SECONDS)
        daemon.start()
    operation.check(project, asked)
    oracle.assert_clean(cloud)
    return time.monotonic() - struck
