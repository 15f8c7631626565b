"""The steps in the logs of the daemons."""

from __future__ import annotations

import re
from typing import NamedTuple

from tests.integration.cloud.harness import node

_BEGINS = re.compile(r"^(\S+ \S+) .*?(req-[0-9a-f-]{36}).* step (\S+) begins")
_TOOK = re.compile(r" step (\S+) took")


class Step(NamedTuple):
    at: str
    daemon: str
    name: str


def of_request(request_id: str) -> list[Step]:
    """The steps of one request in all daemons, in the order in which they began."""
    found = [
        Step(match[1], daemon, match[3])
        for daemon in node.DAEMONS
        for line in node.log(daemon).read_text(errors="replace").splitlines()
        if (match := _BEGINS.match(line)) and match[2] == request_id
    ]
    return sorted(found, key=lambda step: step.at)


class Recorder:
    """Records the steps that end from its creation on, by daemon."""

    def __init__(self):
        self._from = {daemon: node.log(daemon).stat().st_size for daemon in node.DAEMONS}

    def steps(self) -> list[tuple[str, str]]:
        """(daemon, step), without duplicates."""
        found: dict[tuple[str, str], None] = {}
        for daemon, offset in self._from.items():
            with node.log(daemon).open(errors="replace") as log:
                log.seek(offset)
                for name in _TOOK.findall(log.read()):
                    found[daemon, name] = None
        return list(found)
