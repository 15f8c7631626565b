"""Several concurrent requests for one server."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from concurrent import futures

from tests.chaos import report
from tests.chaos.operations import Operation, Server
from tests.chaos.user_request import UNAVAILABLE, UserRequest, Verdict, is_busy, is_like, look

# Status codes of requests that another request has overtaken.
_LATE = (400, 404, 409)


class ConcurrentRequests:
    """Each request is refused, succeeds, or fails with a message in the history. The order is not
    defined."""

    def __init__(self, operations: list[Operation], server: Server):
        self.server = server
        self._requests = [UserRequest(operation, server) for operation in operations]

    @property
    def name(self) -> str:
        return " | ".join(one.name for one in self._requests)

    def send(self, site) -> None:
        with futures.ThreadPoolExecutor(len(self._requests)) as pool:
            list(pool.map(lambda one: one.send(site), self._requests))

    def verdict(self, site, may_fail: bool) -> Verdict:
        """As :meth:`UserRequest.verdict`."""
        now = look(site, self.server)
        details = "; ".join(f"{one.name}: {one.response}, {one.detail}" for one in self._requests)
        unfair = [
            one
            for one in self._requests
            if one.response == "refused" and one.code not in (*_LATE, *UNAVAILABLE)
        ]
        if unfair:
            return Verdict(report.WRONG, details)
        if is_busy(now):
            return Verdict(report.STUCK, details)
        accepted = [one for one in self._requests if one.response == "accepted"]
        failed = [one for one in accepted if now and one.message(site)]
        done = [one.operation for one in accepted if one not in failed]
        open_ = [one.operation for one in self._requests if one.response == "unknown"]
        for after in _possible(self.server, done, open_):
            if is_like(site, now, after):
                return Verdict(
                    report.FAILED if failed else report.RECOVERED,
                    details if failed else "",
                    # A request without a response may still be executed.
                    None if open_ else after,
                )
        if now and now.get("fault"):
            return Verdict(report.FAILED if may_fail else report.WRONG, now["fault"]["message"])
        return Verdict(report.STUCK, f"{now['status'] if now else 'gone'} ({details})")


def _possible(before: Server, done: list[Operation], open_: list[Operation]) -> Iterator[Server]:
    """The possible states of a server after ``done`` in any order, and any of ``open_``."""
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
