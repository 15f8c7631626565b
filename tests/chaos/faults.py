"""The faults.

``arm(site)`` is called before the requests are sent, ``inject(site)`` while they are executed.
``inject`` returns whether the fault was injected: a fault that waits for its point gives up after
``site.timeout``. ``repair(site)`` is called if it was injected. ``allows_failure``: the operation
may fail because of it, with a fault for the user.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


def _comes(site, happened: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + site.timeout
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@dataclass(frozen=True)
class Death:
    """A daemon is killed at a point, and started ``pause`` seconds later. The point is a step (its
    end, or "before" it) or a call ("#2": the second one)."""

    daemon: str
    point: str
    pause: float = 0
    allows_failure = False

    @property
    def kind(self) -> str:
        service = self.daemon if self.daemon in ("api", "conductor", "scheduler") else "compute"
        return f"kill {service}, {self.pause:g} s"

    def arm(self, site) -> None:
        name, _, nth = self.point.partition(" #")
        site.daemons[self.daemon].inject_at(name, f"SIGKILL {nth or 1}", self.pause)

    def inject(self, site) -> bool:
        daemon = site.daemons[self.daemon]
        name = self.point.partition(" #")[0]
        return _comes(site, lambda: daemon.is_injected(name))

    def repair(self, site) -> None:
        site.daemons[self.daemon].recover(self.pause)


@dataclass(frozen=True)
class Kill:
    """All processes of a daemon are killed after ``after`` seconds, and started again."""

    name: str
    after: float
    allows_failure = False

    @property
    def kind(self) -> str:
        return f"kill {self.name}"

    @property
    def point(self) -> str:
        return f"after {self.after * 1000:.0f} ms"

    def arm(self, site) -> None:
        """Needs no preparation."""

    def inject(self, site) -> bool:
        time.sleep(self.after)
        self._victim(site).kill()
        return True

    def repair(self, site) -> None:
        self._victim(site).recover()

    def _victim(self, site):
        return site.daemons[self.name]


class EngineKill(Kill):
    """The broker, the database or libvirtd is killed, and started again."""

    def _victim(self, site):
        return site.engines[self.name]


@dataclass(frozen=True)
class Message:
    """The next message of a method is sent ``copies`` times; 0: it is lost."""

    daemon: str
    method: str
    copies: int
    allows_failure = False

    @property
    def kind(self) -> str:
        return "message twice" if self.copies else "message lost"

    @property
    def point(self) -> str:
        return f"{self.method} from {self.daemon}"

    def arm(self, site) -> None:
        site.daemons[self.daemon].order(f"cast {self.method}", str(self.copies))

    def inject(self, site) -> bool:
        daemon = site.daemons[self.daemon]
        return _comes(site, lambda: daemon.is_injected(f"cast {self.method}"))

    def repair(self, site) -> None:
        """The cloud must recover by itself."""


@dataclass(frozen=True)
class Partition:
    """The connection between a host and the broker is interrupted for some seconds."""

    host: str
    after: float
    seconds: float
    allows_failure = False
    kind = "partition of the host"

    @property
    def point(self) -> str:
        return f"after {self.after * 1000:.0f} ms, for {self.seconds:g} s"

    def arm(self, site) -> None:
        """Needs no preparation."""

    def inject(self, site) -> bool:
        time.sleep(self.after)
        site.cut_off(self.host)
        time.sleep(self.seconds)
        return True

    def repair(self, site) -> None:
        site.let_back(self.host)


@dataclass(frozen=True)
class ServiceFault:
    """From the ``nth`` request on, an external service responds with 503 or hangs for ``seconds``;
    or the response to this request alone is lost after it was executed ("drop")."""

    service: str
    mode: str
    nth: int
    seconds: float
    allows_failure = True

    @property
    def kind(self) -> str:
        return f"{self.service}: {self.mode}"

    @property
    def point(self) -> str:
        return f"from request {self.nth}, for {self.seconds:g} s"

    def arm(self, site) -> None:
        site.external_services[self.service].break_at(self.nth, self.mode)

    def inject(self, site) -> bool:
        if not _comes(site, lambda: site.external_services[self.service].is_broken):
            return False
        if self.mode != "drop":
            time.sleep(self.seconds)
        return True

    def repair(self, site) -> None:
        site.external_services[self.service].repair()


@dataclass(frozen=True)
class DiskFull:
    """No image can be fetched for some seconds, because the disk is full."""

    seconds: float
    allows_failure = True
    kind = "disk full"
    point = "at image fetch"

    def arm(self, site) -> None:
        site.fill_disk()

    def inject(self, site) -> bool:
        time.sleep(self.seconds)
        return True

    def repair(self, site) -> None:
        site.empty_disk()


@dataclass(frozen=True)
class NodeFault:
    """A node crashes, freezes or loses its network, and is put in order ``seconds`` later."""

    verb: str  # of `tools/stack node`: one of NODE_FAULTS
    host: str
    after: float
    seconds: float
    allows_failure = True

    @property
    def kind(self) -> str:
        return f"node {self.verb}"

    @property
    def point(self) -> str:
        return f"{self.host} after {self.after * 1000:.0f} ms, for {self.seconds:g} s"

    def arm(self, site) -> None:
        """Needs no preparation."""

    def inject(self, site) -> bool:
        time.sleep(self.after)
        site.disturb(self.host, self.verb)
        time.sleep(self.seconds)
        return True

    def repair(self, site) -> None:
        site.mend(self.host)


NODE_FAULTS = ("crash", "freeze", "cut")
