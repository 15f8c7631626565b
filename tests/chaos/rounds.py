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
        """When the answer is lost, ask again, as users do; but not for a server that is there."""
        for lost in (False, True):
            try:
                if lost and self.operation.begins is None and find(site, self.server):
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
            elif not lost or answer.status_code in _UNAVAILABLE:
                self.answer = "refused"
            return


def find(site, server: Server) -> bool:
    """Whether there is a server of its name; its id is known then."""
    found = site.user.get(f"/servers?name={server.name}")["servers"]
    server.id = found[0]["id"] if found else None
    return bool(found)


def play(site, fleet: Fleet, injections: list[Injection], beside: int) -> list[Row]:
    """One round: the injections, all at once, and ``beside`` more operations on other servers."""
    with futures.ThreadPoolExecutor(max(2 * len(injections) + beside, 1)) as pool:
        servers = list(pool.map(lambda each: fleet.take(each.operation, each.host), injections))
        asked = [
            Asked(each.operation, server) for each, server in zip(injections, servers, strict=True)
        ]
        others = [Asked(*pair) for pair in fleet.some(beside)]
        for each in injections:
            each.fault.arm(site)
        strikes = [pool.submit(_suffer, site, each.fault) for each in injections]
        futures.wait([pool.submit(each.ask, site) for each in [*asked, *others]])
        struck = [each.result() for each in strikes]
    site.disarm()
    judge = _Judge(site, any(each.fault.excuses for each in injections))
    ended = judge.wait_for_end([*asked, *others])
    clean = judge.wait_for_clean_slate()
    rows = []
    for injection, one, hit in zip(injections, asked, struck, strict=True):
        fault = injection.fault
        outcome, detail = ended[one].verdict
        if outcome not in report.BAD:
            outcome, detail = (outcome, detail) if hit else (report.MISSED, "")
            outcome, detail = (report.LEAKED, clean.detail) if clean.detail else (outcome, detail)
        seconds = max(ended[one].seconds, clean.seconds)
        rows.append(Row(one.operation.name, fault.kind, fault.moment, outcome, seconds, detail))
    kind = injections[0].fault.kind if len(injections) == 1 else "several" if injections else "none"
    for one in others:
        outcome, detail = ended[one].verdict
        row = Row(one.operation.name, kind, "beside", outcome, ended[one].seconds, detail)
        rows.append(row)
    _put_back(fleet, ended)
    return rows


def _suffer(site, fault) -> bool:
    """Whether it struck; what it broke is mended."""
    struck = fault.strike(site)
    if struck:
        fault.mend(site)
    return struck


def _put_back(fleet: Fleet, ended: dict) -> None:
    """Those that are as their model says; the others are deleted, which must go."""
    for one, end in ended.items():
        if end.is_sound:
            fleet.put_back(one.server)
        elif one.server.id:
            fleet.delete([one.server])


@dataclass
class _End:
    verdict: tuple[str, str]
    seconds: float
    is_sound: bool = False


@dataclass
class _Slate:
    seconds: float
    detail: str = ""


class _Judge:
    """Says how each operation has ended, by what its user sees, and whether the slate is clean."""

    def __init__(self, site, excused: bool):
        self._site = site
        self._excused = excused
        self._begun = time.monotonic()

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._begun

    def wait_for_end(self, asked: list[Asked]) -> dict[Asked, _End]:
        ended: dict[Asked, _End] = {}
        while len(ended) < len(asked):
            late = self._elapsed > SECONDS
            for one in asked:
                if one not in ended and (end := self._end_of(one, late)):
                    ended[one] = end
            time.sleep(self._site.pause)
        return ended

    def wait_for_clean_slate(self) -> _Slate:
        while True:
            try:
                wrong = self._site.violations()
            except Exception as exc:  # what it asks may be a moment later than the rest
                wrong = [f"the oracle cannot ask: {exc}"]
            if not wrong:
                return _Slate(self._elapsed)
            if self._elapsed > SECONDS + 10:
                self._site.forgive(wrong)
                return _Slate(self._elapsed, "; ".join(wrong))
            time.sleep(self._site.pause)

    def _end_of(self, one: Asked, late: bool) -> _End | None:
        """None: not yet. ``late``: it has had its time."""
        try:
            now = self._look(one)
            state = _compare(self._site, one, now)
            verdict = self._verdict(one, now, state)
        except (requests.RequestException, AssertionError) as exc:  # the API is not back
            now, state = None, _OTHER
            verdict = report.STUCK, f"the API does not answer: {exc}"
        if verdict[0] == report.STUCK and not late:
            return None
        sound = now is not None and state != _OTHER and verdict[0] not in report.BAD
        if sound and state == _AS_ASKED:
            adopt(one.operation, one.server)
        return _End(verdict, self._elapsed, sound)

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
            return (report.FAILED if self._excused else report.WRONG), told
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
