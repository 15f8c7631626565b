"""Several requests for one server at the same time, by users who do not know of each other."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from concurrent import futures

from tests.chaos import report
from tests.chaos.asked import UNAVAILABLE, Asked, Verdict, is_busy, is_like, look
from tests.chaos.operations import Operation, Server

# What those are told who come too late: it is not in that state, or gone, or somebody is at it.
_LATE = (400, 404, 409)


class Rivals:
    """Each is refused, or it is done, or its history says why not; in which order is open."""

    def __init__(self, operations: list[Operation], server: Server):
        self.server = server
        self._asked = [Asked(operation, server) for operation in operations]

    @property
    def name(self) -> str:
        return " | ".join(one.name for one in self._asked)

    def ask(self, site) -> None:
        with futures.ThreadPoolExecutor(len(self._asked)) as pool:
            list(pool.map(lambda one: one.ask(site), self._asked))

    def verdict(self, site, excused: bool) -> Verdict:
        """As :meth:`Asked.verdict`."""
        now = look(site, self.server)
        told = "; ".join(f"{one.name}: {one.answer}, {one.told}" for one in self._asked)
        unfair = [one for one in self._asked if one.answer == "refused"
                  and one.code not in (*_LATE, *UNAVAILABLE)]  # fmt: skip
        if unfair:
            return Verdict(report.WRONG, told)
        if is_busy(now):
            return Verdict(report.STUCK, told)
        accepted = [one for one in self._asked if one.answer == "accepted"]
        failed = [one for one in accepted if now and one.message(site)]
        done = [one.operation for one in accepted if one not in failed]
        open_ = [one.operation for one in self._asked if one.answer == "unknown"]
        for after in _possible(self.server, done, open_):
            if is_like(site, now, after):
                return Verdict(
                    report.FAILED if failed else report.RECOVERED,
                    told if failed else "",
                    # What nobody knows to be done may be done yet.
                    None if open_ else after,
                )
        if now and now.get("fault"):
            return Verdict(report.FAILED if excused else report.WRONG, now["fault"]["message"])
        return Verdict(report.STUCK, f"{now['status'] if now else 'gone'} ({told})")


def _possible(
    before: Server, done: list[Operation], open_: list[Operation]
) -> Iterator[Server]:
    """What a server may be like when ``done`` were done in any order, and any of ``open_``."""
    for number in range(len(open_) + 1):
        for some in itertools.combinations(open_, number):
            yield from _outcomes(before, [*done, *some])


def _outcomes(before: Server, done: list[Operation]) -> Iterator[Server]:
    if any(operation.ends is None for operation in done):
        after = dataclasses.replace(before)
        after.is_gone()
        yield after
        return
    last = {operation.ends for operation in done if operation.sets_status}
    for status in sorted(last) or [before.status]:
        after = dataclasses.replace(before, status=status)
        for operation in done:
            for name, change in operation.changes.items():
                setattr(after, name, getattr(after, name) + change)
        yield after
