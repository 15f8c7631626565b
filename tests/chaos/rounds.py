"""A round: operations are asked for, faults strike, and how all of it has ended is judged."""

from __future__ import annotations

import time
from concurrent import futures
from dataclasses import dataclass

import requests

from tests.chaos import report
from tests.chaos.asked import Asked, Verdict
from tests.chaos.fleet import Fleet
from tests.chaos.operations import Operation
from tests.chaos.report import Row
from tests.chaos.rivals import Rivals

RIVALS = "rivals"  # in the table, with what they asked for as their moment
SECONDS = 60  # within which all is well again, once what was broken is back


@dataclass(frozen=True)
class Injection:
    """``fault`` strikes while ``operation`` is done, to a server on ``host`` (None: any)."""

    operation: Operation
    fault: object
    host: str | None = None


def play(site, fleet: Fleet, injections: list[Injection], beside: int) -> list[Row]:
    """One round: the injections, all at once, and ``beside`` more servers that something is asked
    of, the last of them several things at the same time."""
    with futures.ThreadPoolExecutor(max(2 * len(injections) + beside, 1)) as pool:
        servers = pool.map(lambda each: fleet.take(each.operation, each.host), injections)
        broken = [
            Asked(each.operation, server) for each, server in zip(injections, servers, strict=True)
        ]
        others = [Asked(*pair) for pair in fleet.some(beside - 1)]
        others += [Rivals(*crowd) for crowd in fleet.crowds(min(beside, 1))]
        for each in injections:
            each.fault.arm(site)
        strikes = {
            one: pool.submit(_suffer, site, each.fault)
            for one, each in zip(broken, injections, strict=True)
        }
        asks = {one: pool.submit(one.ask, site) for one in [*broken, *others]}
        judge = _Judge(site, strikes, any(each.fault.excuses for each in injections))
        ended = judge.wait_for_end(asks)
    site.disarm()
    clean = judge.wait_for_clean_slate()
    rows = [
        _row(each, one, ended[one], clean) for each, one in zip(injections, broken, strict=True)
    ]
    kind = injections[0].fault.kind if len(injections) == 1 else "several" if injections else "none"
    for one in others:
        verdict, seconds = ended[one].verdict, ended[one].seconds
        name, moment = (RIVALS, one.name) if isinstance(one, Rivals) else (one.name, "beside")
        rows.append(Row(name, kind, moment, verdict.outcome, seconds, verdict.detail))
    if clean.verdict.detail and not injections:  # or else they are told of it
        rows.append(_leak(kind, "afterwards", clean.seconds, clean.verdict.detail))
    try:
        _put_back(fleet, ended)
    except AssertionError as exc:
        rows.append(_leak(kind, "when they are deleted", SECONDS, str(exc)))
    return rows


def _suffer(site, fault) -> tuple[bool, float]:
    """Whether it struck, and when all that it broke was back."""
    struck = fault.strike(site)
    if struck:
        fault.mend(site)
    return struck, time.monotonic()


def _row(injection: Injection, one: Asked, end: _End, clean: _End) -> Row:
    outcome, detail = end.verdict.outcome, end.verdict.detail
    if outcome not in report.BAD and clean.verdict.detail:
        outcome, detail = clean.verdict.outcome, clean.verdict.detail
    elif outcome == report.RECOVERED and not end.struck:
        outcome = report.MISSED
    fault, seconds = injection.fault, end.seconds + clean.seconds
    return Row(one.name, fault.kind, fault.moment, outcome, seconds, detail)


def _leak(kind: str, moment: str, seconds: float, detail: str) -> Row:
    """What nobody in particular is to blame for."""
    return Row("all", kind, moment, report.LEAKED, seconds, detail)


def _put_back(fleet: Fleet, ended: dict[Asked | Rivals, _End]) -> None:
    """Those of which is known what they are like; the others are deleted, which must go."""
    for one, end in ended.items():
        if end.verdict.after and end.verdict.outcome not in report.BAD:
            fleet.put_back(end.verdict.after)
        elif one.server.id:
            fleet.delete([one.server])


@dataclass
class _End:
    """``seconds``: until it was so, from when what was broken was back."""

    verdict: Verdict
    seconds: float
    struck: bool = True


class _Judge:
    """Waits until everything that was asked for has ended, and until the slate is clean.

    ``strikes``: what was asked for -> what became of what was to break it (see :func:`_suffer`).
    """

    def __init__(self, site, strikes: dict[Asked, futures.Future], excused: bool):
        self._site = site
        self._strikes = strikes
        self._excused = excused
        self._begun = time.monotonic()

    def wait_for_end(self, asks: dict[Asked | Rivals, futures.Future]) -> dict:
        """How each of ``asks`` has ended; the future says that it has been asked for."""
        ended: dict[Asked | Rivals, _End] = {}
        while len(ended) < len(asks):
            for one, ask in asks.items():
                if one not in ended and ask.done() and self._struck(one):
                    ask.result()  # an error of ours is not to be lost
                    if end := self._end_of(one):
                        ended[one] = end
            time.sleep(self._site.pause)
        return ended

    def _struck(self, one: Asked | Rivals) -> bool:
        """Whether what was to break it has struck, or not come; who is beside has all of them."""
        mine = [self._strikes[one]] if one in self._strikes else self._strikes.values()
        return all(strike.done() for strike in mine)

    def _seconds(self) -> float:
        """Since the last of what was broken is back: one operation may need all of it."""
        back = [strike.result()[1] for strike in self._strikes.values() if strike.done()]
        return time.monotonic() - max(back, default=self._begun)

    def wait_for_clean_slate(self) -> _End:
        """``seconds`` are those that it took when every operation had ended."""
        begun = time.monotonic()
        while True:
            try:
                wrong = self._site.violations()
            except Exception as exc:  # what it asks may be back a moment later than the rest
                wrong = [f"the oracle cannot ask: {exc}"]
            seconds = time.monotonic() - begun
            if not wrong or seconds > SECONDS:
                self._site.forgive(wrong)
                return _End(Verdict(report.LEAKED, "; ".join(wrong)), seconds)
            time.sleep(self._site.pause)

    def _end_of(self, one: Asked | Rivals) -> _End | None:
        """None: not yet, and it still has time."""
        try:
            verdict = one.verdict(self._site, self._excused)
        except (requests.RequestException, AssertionError) as exc:  # the API is not back
            verdict = Verdict(report.STUCK, f"the API does not answer: {exc}")
        seconds = self._seconds()
        if verdict.outcome == report.STUCK and seconds < SECONDS:
            return None
        struck = one not in self._strikes or self._strikes[one].result()[0]
        return _End(verdict, seconds, struck)
