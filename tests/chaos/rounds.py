"""A round: operations are asked for, faults strike, and how all of it has ended is judged."""

from __future__ import annotations

import dataclasses
import time
from concurrent import futures
from dataclasses import dataclass

import requests

from tests.chaos import report
from tests.chaos.fleet import Fleet, adopt, parts_are_right
from tests.chaos.operations import Operation, Server
from tests.chaos.report import Row

SECONDS = 60  # within which all is well again, once what was broken is back
_UNAVAILABLE = (502, 503, 504)  # what an API may answer while something of it is away


@dataclass(frozen=True)
class Injection:
    """``fault`` strikes while ``operation`` is done, to a server on ``host`` (None: any)."""

    operation: Operation
    fault: object
    host: str | None = None


class Asked:
    """An operation that was asked for; ``answer`` is accepted, refused or unknown."""

    def __init__(self, operation: Operation, server: Server):
        self.operation = operation
        self.server = server
        self.answer = "unknown"
        self.told = ""
        self.request_id = ""

    def ask(self, site) -> None:
        """When the answer is lost, ask again, as users do."""
        for lost in (False, True):
            try:
                if lost and self._would_be_done_twice(site):
                    return
                answer = self.operation.ask(site, self.server)
            except requests.RequestException as exc:
                self.told = f"no answer: {type(exc).__name__}"
                continue
            except AssertionError as exc:  # a question on the way was answered otherwise
                self.answer, self.told = "refused", f"503 {exc}"
                return
            self.told = f"{answer.status_code} {answer.text[:300]}"
            if answer.ok:
                self.answer = "accepted"
                self.request_id = answer.headers["x-openstack-request-id"]
                if self.operation.begins is None:
                    self.server.id = answer.json()["server"]["id"]
            elif answer.status_code in _UNAVAILABLE and not self.operation.is_repeatable:
                pass  # it says that it may be done later
            elif not lost or answer.status_code in _UNAVAILABLE:
                self.answer = "refused"
            return

    def _would_be_done_twice(self, site) -> bool:
        if self.operation.begins is None:
            return find(site, self.server)
        return not self.operation.is_repeatable


def find(site, server: Server) -> bool:
    """Whether there is a server of its name; its id is known then."""
    found = site.user.get(f"/servers?name={server.name}")["servers"]
    server.id = found[0]["id"] if found else None
    return bool(found)


def play(site, fleet: Fleet, injections: list[Injection], beside: int) -> list[Row]:
    """One round: the injections, all at once, and ``beside`` more operations on other servers."""
    with futures.ThreadPoolExecutor(max(2 * len(injections) + beside, 1)) as pool:
        servers = pool.map(lambda each: fleet.take(each.operation, each.host), injections)
        broken = [
            Asked(each.operation, server) for each, server in zip(injections, servers, strict=True)
        ]
        others = [Asked(*pair) for pair in fleet.some(beside)]
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
        end = ended[one]
        rows.append(Row(one.operation.name, kind, "beside", end.outcome, end.seconds, end.detail))
    _put_back(fleet, ended)
    return rows


def _suffer(site, fault) -> tuple[bool, float]:
    """Whether it struck, and when all that it broke was back."""
    struck = fault.strike(site)
    if struck:
        fault.mend(site)
    return struck, time.monotonic()


def _row(injection: Injection, one: Asked, end: _End, clean: _End) -> Row:
    outcome, detail = end.outcome, end.detail
    if outcome not in report.BAD and clean.detail:
        outcome, detail = clean.outcome, clean.detail
    elif outcome == report.RECOVERED and not end.struck:
        outcome = report.MISSED
    fault, seconds = injection.fault, end.seconds + clean.seconds
    return Row(one.operation.name, fault.kind, fault.moment, outcome, seconds, detail)


def _put_back(fleet: Fleet, ended: dict[Asked, _End]) -> None:
    """Those that are as their model says; the others are deleted, which must go."""
    for one, end in ended.items():
        if end.is_sound:
            fleet.put_back(one.server)
        elif one.server.id:
            fleet.delete([one.server])


@dataclass
class _End:
    """``seconds``: until it was so, from when what was broken was back."""

    outcome: str
    detail: str
    seconds: float
    struck: bool = True
    is_sound: bool = False


class _Judge:
    """Says how each operation has ended, by what its user sees, and whether the slate is clean.

    ``strikes``: operation -> what became of what was to break it (see :func:`_suffer`).
    """

    def __init__(self, site, strikes: dict[Asked, futures.Future], excused: bool):
        self._site = site
        self._strikes = strikes
        self._excused = excused
        self._begun = time.monotonic()

    def wait_for_end(self, asks: dict[Asked, futures.Future]) -> dict[Asked, _End]:
        """How each of ``asks`` has ended; the future says that it has been asked for."""
        ended: dict[Asked, _End] = {}
        while len(ended) < len(asks):
            for one, ask in asks.items():
                if one not in ended and ask.done() and self._struck(one):
                    ask.result()  # an error of ours is not to be lost
                    if end := self._end_of(one):
                        ended[one] = end
            time.sleep(self._site.pause)
        return ended

    def _struck(self, one: Asked) -> bool:
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
                return _End(report.LEAKED, "; ".join(wrong), seconds)
            time.sleep(self._site.pause)

    def _end_of(self, one: Asked) -> _End | None:
        """None: not yet, and it still has time."""
        try:
            now = self._look(one)
            state = _compare(self._site, one, now)
            outcome, detail = self._verdict(one, now, state)
        except (requests.RequestException, AssertionError) as exc:  # the API is not back
            now, state = None, _OTHER
            outcome, detail = report.STUCK, f"the API does not answer: {exc}"
        seconds = self._seconds()
        if outcome == report.STUCK and seconds < SECONDS:
            return None
        sound = now is not None and outcome not in report.BAD and self._is_known(one, state)
        if sound and state == _AS_ASKED:
            adopt(one.operation, one.server)
        struck = one not in self._strikes or self._strikes[one].result()[0]
        return _End(outcome, detail, seconds, struck, sound)

    @staticmethod
    def _is_known(one: Asked, state: str) -> bool:
        """Whether what it is now is what it will be: unasked for, it may yet be done."""
        return state == _AS_ASKED or (state == _UNCHANGED and one.answer != "unknown")

    def _look(self, one: Asked) -> dict | None:
        """The server as its user sees it now; None: there is none."""
        if one.server.id is None and not find(self._site, one.server):
            return None
        answer = self._site.user.request("GET", f"/servers/{one.server.id}")
        if answer.status_code == 404:
            return None
        assert answer.status_code == 200, answer.text
        return answer.json()["server"]

    def _verdict(self, one: Asked, now: dict | None, state: str) -> tuple[str, str]:
        """How it has ended, and why; STUCK may be a moment too early to say."""
        if state == _BUSY:
            told = f"{now['status']} with the task {now['OS-EXT-STS:task_state']}"
            return report.STUCK, f"{told} ({one.answer}: {one.told})"
        message = self._message(one) if now else None
        if state == _AS_ASKED and not message:
            return report.RECOVERED, ""
        if state == _UNCHANGED and one.answer == "unknown":
            return report.RECOVERED, ""
        if state == _UNCHANGED and one.answer == "refused":
            code = int(one.told.split()[0])
            fair = code in _UNAVAILABLE or (self._excused and code < 500)
            return (report.REFUSED if fair else report.WRONG), one.told
        if now and (message or now.get("fault")):
            told = f"{now['status']}: {(now.get('fault') or {}).get('message') or message}"
            excused = self._excused or one.operation.may_fail
            return (report.FAILED if excused else report.WRONG), told
        status = now["status"] if now else "gone"
        return report.STUCK, f"{status}, not {one.operation.ends} ({one.answer}: {one.told})"

    def _message(self, one: Asked) -> str | None:
        """What the history says of an accepted operation: "Error", or nothing."""
        if one.answer != "accepted":
            return None
        path = f"/servers/{one.server.id}/os-instance-actions/{one.request_id}"
        return self._site.user.get(path)["instanceAction"]["message"]


# How a server is, beside how it was and how it was to become.
_AS_ASKED, _UNCHANGED, _BUSY, _OTHER = "as asked", "unchanged", "busy", "other"


def _compare(site, one: Asked, now: dict | None) -> str:
    operation, before = one.operation, one.server
    if now is None:
        return {operation.ends: _AS_ASKED, operation.begins: _UNCHANGED}.get(None, _OTHER)
    if now["status"] == "BUILD" or now["OS-EXT-STS:task_state"]:
        return _BUSY
    after = dataclasses.replace(before)
    adopt(operation, after)
    if now["status"] == after.status and parts_are_right(site, after):
        return _AS_ASKED
    if now["status"] == before.status and parts_are_right(site, before):
        return _UNCHANGED
    return _OTHER
