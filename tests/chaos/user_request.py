"""A request for an operation, and its result as the user sees it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import requests

from tests.chaos import report, tenant
from tests.chaos.fleet import adopt, parts_are_right
from tests.chaos.operations import Operation, Server

UNAVAILABLE = (502, 503, 504)  # status codes that are allowed while a part is down


@dataclass
class Verdict:
    """``outcome``: one of :mod:`report`; STUCK may be preliminary. ``after``: the expected state of
    the server, None if it is unknown."""

    outcome: str
    detail: str = ""
    after: Server | None = None


class UserRequest:
    """``response``: accepted, refused or unknown. ``detail``: the status code and text of the
    response."""

    def __init__(self, operation: Operation, server: Server):
        self.operation = operation
        self.server = server
        self.response = "unknown"
        self.detail = ""
        self.request_id = ""

    @property
    def name(self) -> str:
        return self.operation.name

    # -- send ------------------------------------------------------------------------------------

    def send(self, site) -> None:
        """Send the request. Send it again when the response is lost, as users do."""
        for lost in (False, True):
            try:
                if lost and self._would_be_done_twice(site):
                    return
                response = self.operation.send(site, self.server)
            except requests.RequestException as exc:
                self.detail = f"no answer: {type(exc).__name__}"
                continue
            except AssertionError as exc:  # a GET before the request has failed
                self.response, self.detail = "refused", f"503 {exc}"
                return
            self.detail = f"{response.status_code} {response.text[:300]}"
            if response.ok:
                self.response = "accepted"
                self.request_id = response.headers["x-openstack-request-id"]
                if self.operation.begins is None:
                    self.server.id = response.json()["server"]["id"]
            elif response.status_code in UNAVAILABLE and not self.operation.is_repeatable:
                pass  # it may be executed later
            elif not lost or response.status_code in UNAVAILABLE:
                self.response = "refused"
            return

    def _would_be_done_twice(self, site) -> bool:
        if self.operation.begins is None:
            return _find(site, self.server)
        return not self.operation.is_repeatable

    # -- judge -----------------------------------------------------------------------------------

    def verdict(self, site, may_fail: bool) -> Verdict:
        """``may_fail``: the injected faults allow the operation to fail with a reason.

        Raises RequestException or AssertionError while the API does not answer.
        """
        now = look(site, self.server)
        if is_busy(now):
            return Verdict(report.STUCK, f"{_described(now)} ({self.response}: {self.detail})")
        message = self.message(site) if now else None
        failed = Verdict(*self._failure(now, message, may_fail or self.operation.may_fail))
        if is_like(site, now, after := self._done()):
            well = Verdict(report.RECOVERED, after=after)
            return dataclasses.replace(failed, after=after) if message else well
        if not is_like(site, now, self.server):
            return failed
        if self.response == "unknown":  # it may still be executed
            return Verdict(report.RECOVERED)
        if self.response == "refused":
            fair = self.code in UNAVAILABLE or (may_fail and self.code < 500)
            return Verdict(report.REFUSED if fair else report.WRONG, self.detail, self.server)
        return dataclasses.replace(failed, after=self.server)

    @property
    def code(self) -> int:
        """The status code of the refusal."""
        return int(self.detail.split()[0])

    def message(self, site) -> str | None:
        """The message of the action in the history: "Error" or None. None if it was refused."""
        if self.response != "accepted":
            return None
        path = f"/servers/{self.server.id}/os-instance-actions/{self.request_id}"
        return site.user.get(path)["instanceAction"]["message"]

    def _done(self) -> Server:
        after = dataclasses.replace(self.server)
        adopt(self.operation, after)
        return after

    def _failure(self, now: dict | None, message: str | None, may_fail: bool) -> tuple[str, str]:
        """(outcome, detail) of an operation that did not succeed: FAILED only if the failure is
        allowed and the user sees a reason."""
        if now and (message or now.get("fault")):
            detail = f"{now['status']}: {(now.get('fault') or {}).get('message') or message}"
            return (report.FAILED if may_fail else report.WRONG), detail
        detail = f"not {self.operation.ends} ({self.response}: {self.detail})"
        return report.STUCK, f"{_described(now)}, {detail}"


def look(site, server: Server) -> dict | None:
    """The server as the user sees it now; None if it does not exist."""
    if server.id is None and not _find(site, server):
        return None
    response = site.user.request("GET", f"/servers/{server.id}")
    if response.status_code == 404:
        return None
    assert response.status_code == 200, response.text
    return response.json()["server"]


def _find(site, server: Server) -> bool:
    """Whether a server with this name exists. Sets its ID."""
    found = site.user.get(f"/servers?name={server.name}")["servers"]
    server.id = found[0]["id"] if found else None
    return bool(found)


def is_busy(now: dict | None) -> bool:
    return now is not None and bool(now["status"] == "BUILD" or now["OS-EXT-STS:task_state"])


def is_like(site, now: dict | None, server: Server) -> bool:
    """Whether the server that the user sees (``now``) is in the state of ``server``."""
    if now is None or server.status is None:
        return now is None and server.status is None
    kept = tenant.are_kept(now, server.name)
    # A guest whose node has crashed is off, whatever its user requested.
    fits = now["status"] == server.status or (site.lost_power and now["status"] == "SHUTOFF")
    return fits and kept and parts_are_right(site, server)


def _described(now: dict | None) -> str:
    if now is None:
        return "gone"
    task = now["OS-EXT-STS:task_state"]
    return f"{now['status']} with the task {task}" if task else now["status"]
