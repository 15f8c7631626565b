"""A round: send requests, inject faults, and judge the results."""

from __future__ import annotations

import time
from concurrent import futures
from dataclasses import dataclass

import requests

from tests.chaos import faults, report
from tests.chaos.concurrent_requests import ConcurrentRequests
from tests.chaos.fleet import Fleet
from tests.chaos.operations import Operation
from tests.chaos.report import Row
from tests.chaos.user_request import UserRequest, Verdict

CONCURRENT = "concurrent"  # the name of ConcurrentRequests in the table


@dataclass(frozen=True)
class Injection:
    """``fault`` is injected during ``operation`` on a server on ``host`` (None: any)."""

    operation: Operation
    fault: object
    host: str | None = None

    @property
    def needs_quiet(self) -> bool:
        """Whether it affects all servers of a host, so no other operation runs beside it."""
        disturbs = isinstance(self.fault, (faults.DiskFull, faults.NodeFault))
        return disturbs or self.operation.takes_host


def play(site, fleet: Fleet, injections: list[Injection], beside: int) -> list[Row]:
    """Run one round: all injections at the same time, and operations on ``beside`` other servers,
    the last of which gets several concurrent requests."""
    if any(each.needs_quiet for each in injections):
        beside = 0
    with futures.ThreadPoolExecutor(max(2 * len(injections) + beside, 1)) as pool:
        servers = pool.map(lambda each: fleet.take(each.operation, each.host), injections)
        broken = [
            UserRequest(each.operation, server)
            for each, server in zip(injections, servers, strict=True)
        ]
        others = [UserRequest(*pair) for pair in fleet.take_some(beside - 1)]
        others += [
            ConcurrentRequests(*crowd) for crowd in fleet.take_for_concurrent(min(beside, 1))
        ]
        for each in injections:
            each.fault.arm(site)
        injected = {
            one: pool.submit(_inject, site, each.fault)
            for one, each in zip(broken, injections, strict=True)
        }
        sending = {one: pool.submit(one.send, site) for one in [*broken, *others]}
        judge = _Judge(site, injected, any(each.fault.allows_failure for each in injections))
        ended = judge.wait_for_end(sending)
    site.bring_back()
    site.disarm()
    clean = judge.wait_for_clean_slate()
    rows = [
        _row(each, one, ended[one], clean) for each, one in zip(injections, broken, strict=True)
    ]
    kind = injections[0].fault.kind if len(injections) == 1 else "several" if injections else "none"
    for one in others:
        verdict, seconds = ended[one].verdict, ended[one].seconds
        name, point = (
            (CONCURRENT, one.name) if isinstance(one, ConcurrentRequests) else (one.name, "beside")
        )
        rows.append(Row(name, kind, point, verdict.outcome, seconds, verdict.detail))
    if clean.verdict.detail and not injections:  # else it is in the rows of the injections
        rows.append(_leak(kind, "afterwards", clean.seconds, clean.verdict.detail))
    try:
        _return_servers(site, fleet, ended)
    except AssertionError as exc:
        rows.append(_leak(kind, "when they are deleted", site.recovery_seconds, str(exc)))
    return rows


def _inject(site, fault) -> tuple[bool, float]:
    """Inject and repair the fault. Return whether it was injected, and the time of the repair."""
    injected = fault.inject(site)
    if injected:
        fault.repair(site)
    return injected, time.monotonic()


def _row(injection: Injection, one: UserRequest, end: _End, clean: _End) -> Row:
    outcome, detail = end.verdict.outcome, end.verdict.detail
    if outcome not in report.BAD and clean.verdict.detail:
        outcome, detail = clean.verdict.outcome, clean.verdict.detail
    elif outcome == report.RECOVERED and not end.injected:
        outcome = report.MISSED
    fault, seconds = injection.fault, end.seconds + clean.seconds
    return Row(one.name, fault.kind, fault.point, outcome, seconds, detail)


def _leak(kind: str, point: str, seconds: float, detail: str) -> Row:
    """The row of a leak that is not of one request."""
    return Row("all", kind, point, report.LEAKED, seconds, detail)


def _return_servers(
    site, fleet: Fleet, ended: dict[UserRequest | ConcurrentRequests, _End]
) -> None:
    """Release the servers whose state is known, and delete the others."""
    lost_power, site.lost_power = site.lost_power, False
    for one, end in ended.items():
        if end.verdict.after and end.verdict.outcome not in report.BAD and not lost_power:
            fleet.release(end.verdict.after)
        elif one.server.id:
            fleet.delete([one.server])


@dataclass
class _End:
    """``seconds``: the time from the repair until the end."""

    verdict: Verdict
    seconds: float
    injected: bool = True


class _Judge:
    """Waits until all requests have ended, and until nothing is stuck or leaked.

    ``injected``: request -> future of the result of :func:`_inject`.
    """

    def __init__(self, site, injected: dict[UserRequest, futures.Future], may_fail: bool):
        self._site = site
        self._injected = injected
        self._may_fail = may_fail
        self._begun = time.monotonic()

    def wait_for_end(self, sending: dict[UserRequest | ConcurrentRequests, futures.Future]) -> dict:
        """Wait for the end of each request in ``sending`` (request -> future that sends it)."""
        ended: dict[UserRequest | ConcurrentRequests, _End] = {}
        while len(ended) < len(sending):
            for one, future in sending.items():
                if one not in ended and future.done() and self._is_injected(one):
                    future.result()  # raises an error of the test itself
                    if end := self._end_of(one):
                        ended[one] = end
            time.sleep(self._site.pause)
        return ended

    def _is_injected(self, one: UserRequest | ConcurrentRequests) -> bool:
        """Whether the fault of this request was injected or missed; for a request without a fault,
        all faults."""
        faults = [self._injected[one]] if one in self._injected else self._injected.values()
        return all(future.done() for future in faults)

    def _seconds(self) -> float:
        """The time since the last repair: an operation may need all parts."""
        back = [future.result()[1] for future in self._injected.values() if future.done()]
        return time.monotonic() - max(back, default=self._begun)

    def wait_for_clean_slate(self) -> _End:
        """Wait until there are no violations. ``seconds``: the time since all requests ended."""
        begun = time.monotonic()
        while True:
            try:
                wrong = self._site.violations()
            except Exception as exc:  # a part that the oracle needs is not ready yet
                wrong = [f"the oracle failed: {exc}"]
            seconds = time.monotonic() - begun
            if not wrong or seconds > self._site.recovery_seconds:
                self._site.forgive(wrong)
                return _End(Verdict(report.LEAKED, "; ".join(wrong)), seconds)
            time.sleep(self._site.pause)

    def _end_of(self, one: UserRequest | ConcurrentRequests) -> _End | None:
        """The end of a request; None if it has not ended and still has time."""
        try:
            verdict = one.verdict(self._site, self._may_fail)
        except (requests.RequestException, AssertionError) as exc:
            verdict = Verdict(report.STUCK, f"the API does not answer: {exc}")
        seconds = self._seconds()
        if verdict.outcome == report.STUCK and seconds < self._site.recovery_seconds:
            return None
        injected = one not in self._injected or self._injected[one].result()[0]
        return _End(verdict, seconds, injected)
