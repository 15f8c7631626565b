"""An operation that was asked for, and how it has ended as its user sees it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import requests

from tests.chaos import report
from tests.chaos.fleet import adopt, parts_are_right
from tests.chaos.operations import Operation, Server

UNAVAILABLE = (502, 503, 504)  # what an API may answer while something of it is away


@dataclass
class Verdict:
    """``outcome`` is of :mod:`report`; STUCK may be a moment too early to say. ``after``: what the
    server is like from now on, None where nobody can tell."""

    outcome: str
    detail: str = ""
    after: Server | None = None


class Asked:
    """``answer`` is accepted, refused or unknown; ``told`` is the code and what came with it."""

    def __init__(self, operation: Operation, server: Server):
        self.operation = operation
        self.server = server
        self.answer = "unknown"
        self.told = ""
        self.request_id = ""

    @property
    def name(self) -> str:
        return self.operation.name

    # -- ask -------------------------------------------------------------------------------------

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
            elif answer.status_code in UNAVAILABLE and not self.operation.is_repeatable:
                pass  # it says that it may be done later
            elif not lost or answer.status_code in UNAVAILABLE:
                self.answer = "refused"
            return

    def _would_be_done_twice(self, site) -> bool:
        if self.operation.begins is None:
            return _find(site, self.server)
        return not self.operation.is_repeatable

    # -- judge -----------------------------------------------------------------------------------

    def verdict(self, site, excused: bool) -> Verdict:
        """``excused``: by what happened meanwhile it may fail, if its user is told why.

        Raises RequestException or AssertionError while the API does not answer.
        """
        now = look(site, self.server)
        if is_busy(now):
            return Verdict(report.STUCK, f"{_described(now)} ({self.answer}: {self.told})")
        message = self.message(site) if now else None
        failed = Verdict(*self._failure(now, message, excused or self.operation.may_fail))
        if is_like(site, now, after := self._done()):
            well = Verdict(report.RECOVERED, after=after)
            return dataclasses.replace(failed, after=after) if message else well
        if not is_like(site, now, self.server):
            return failed
        if self.answer == "unknown":  # and may be done yet
            return Verdict(report.RECOVERED)
        if self.answer == "refused":
            fair = self.code in UNAVAILABLE or (excused and self.code < 500)
            return Verdict(report.REFUSED if fair else report.WRONG, self.told, self.server)
        return dataclasses.replace(failed, after=self.server)

    @property
    def code(self) -> int:
        """The status code of its refusal."""
        return int(self.told.split()[0])

    def message(self, site) -> str | None:
        """What the history says of it, if it was accepted: "Error", or nothing."""
        if self.answer != "accepted":
            return None
        path = f"/servers/{self.server.id}/os-instance-actions/{self.request_id}"
        return site.user.get(path)["instanceAction"]["message"]

    def _done(self) -> Server:
        after = dataclasses.replace(self.server)
        adopt(self.operation, after)
        return after

    def _failure(self, now: dict | None, message: str | None, excused: bool) -> tuple[str, str]:
        """It is not as was asked for: whether the user was told why, and was right to be."""
        if now and (message or now.get("fault")):
            told = f"{now['status']}: {(now.get('fault') or {}).get('message') or message}"
            return (report.FAILED if excused else report.WRONG), told
        told = f"not {self.operation.ends} ({self.answer}: {self.told})"
        return report.STUCK, f"{_described(now)}, {told}"


def look(site, server: Server) -> dict | None:
    """The server as its user sees it now; None: there is none."""
    if server.id is None and not _find(site, server):
        return None
    answer = site.user.request("GET", f"/servers/{server.id}")
    if answer.status_code == 404:
        return None
    assert answer.status_code == 200, answer.text
    return answer.json()["server"]


def _find(site, server: Server) -> bool:
    """Whether there is a server of its name; its id is known then."""
    found = site.user.get(f"/servers?name={server.name}")["servers"]
    server.id = found[0]["id"] if found else None
    return bool(found)


def is_busy(now: dict | None) -> bool:
    return now is not None and bool(now["status"] == "BUILD" or now["OS-EXT-STS:task_state"])


def is_like(site, now: dict | None, server: Server) -> bool:
    """Whether what a user sees now is what ``server`` says."""
    if now is None or server.status is None:
        return now is None and server.status is None
    return now["status"] == server.status and parts_are_right(site, server)


def _described(now: dict | None) -> str:
    if now is None:
        return "gone"
    task = now["OS-EXT-STS:task_state"]
    return f"{now['status']} with the task {task}" if task else now["status"]
