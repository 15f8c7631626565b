"""What happens meanwhile: each fault is armed, strikes, and is mended.

``arm(site)`` before anything is asked, ``strike(site)`` when it is on its way (tells whether the
fault has struck; one that waits for a moment gives up after the site's ``patience``), and
``mend(site)`` when it has. ``excuses``: an operation may fail by it, if its user is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


def _comes(site, happened: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + site.patience
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@dataclass(frozen=True)
class Death:
    """A daemon is killed at a step (its end, or "before" it) or a call ("#2": when it is made for
    the second time) and is started ``pause`` s later."""

    daemon: str
    moment: str
    pause: float = 0
    excuses = False

    @property
    def kind(self) -> str:
        service = self.daemon if self.daemon in ("api", "conductor", "scheduler") else "compute"
        return f"kill {service}, {self.pause:g} s"

    def arm(self, site) -> None:
        name, _, nth = self.moment.partition(" #")
        site.daemons[self.daemon].strike_at(name, f"SIGKILL {nth or 1}", self.pause)

    def strike(self, site) -> bool:
        daemon = site.daemons[self.daemon]
        name = self.moment.partition(" #")[0]
        return _comes(site, lambda: daemon.is_struck(name))

    def mend(self, site) -> None:
        site.daemons[self.daemon].rise(self.pause)


@dataclass(frozen=True)
class Kill:
    """A daemon is killed with all its processes ``after`` seconds, wherever they are, and rises."""

    name: str
    after: float
    excuses = False

    @property
    def kind(self) -> str:
        return f"kill {self.name}"

    @property
    def moment(self) -> str:
        return f"after {self.after * 1000:.0f} ms"

    def arm(self, site) -> None:
        """It strikes by itself."""

    def strike(self, site) -> bool:
        time.sleep(self.after)
        self._victim(site).kill()
        return True

    def mend(self, site) -> None:
        self._victim(site).rise()

    def _victim(self, site):
        return site.daemons[self.name]


class EngineKill(Kill):
    """The same of the broker, the database or libvirtd."""

    def _victim(self, site):
        return site.engines[self.name]


@dataclass(frozen=True)
class Message:
    """The next message of a method is sent as many times as ``copies`` says: 0, it is lost."""

    daemon: str
    method: str
    copies: int
    excuses = False

    @property
    def kind(self) -> str:
        return "message twice" if self.copies else "message lost"

    @property
    def moment(self) -> str:
        return f"{self.method} from {self.daemon}"

    def arm(self, site) -> None:
        site.daemons[self.daemon].order(f"cast {self.method}", str(self.copies))

    def strike(self, site) -> bool:
        daemon = site.daemons[self.daemon]
        return _comes(site, lambda: daemon.is_struck(f"cast {self.method}"))

    def mend(self, site) -> None:
        """Nobody notices: that is the point."""


@dataclass(frozen=True)
class Partition:
    """A host and the broker do not hear each other for some seconds."""

    host: str
    after: float
    seconds: float
    excuses = False
    kind = "partition of the host"

    @property
    def moment(self) -> str:
        return f"after {self.after * 1000:.0f} ms, for {self.seconds:g} s"

    def arm(self, site) -> None:
        """It strikes by itself."""

    def strike(self, site) -> bool:
        time.sleep(self.after)
        site.cut_off(self.host)
        time.sleep(self.seconds)
        return True

    def mend(self, site) -> None:
        site.let_back(self.host)


@dataclass(frozen=True)
class Neighbour:
    """From the ``nth`` request on, a neighbour answers 503 or hangs for ``seconds``; or the answer
    to just that request is lost ("drop"), after the work was done."""

    service: str
    mode: str
    nth: int
    seconds: float
    excuses = True

    @property
    def kind(self) -> str:
        return f"{self.service}: {self.mode}"

    @property
    def moment(self) -> str:
        return f"from request {self.nth}, for {self.seconds:g} s"

    def arm(self, site) -> None:
        site.neighbours[self.service].break_at(self.nth, self.mode)

    def strike(self, site) -> bool:
        if not _comes(site, lambda: site.neighbours[self.service].is_broken):
            return False
        if self.mode != "drop":
            time.sleep(self.seconds)
        return True

    def mend(self, site) -> None:
        site.neighbours[self.service].repair()


@dataclass(frozen=True)
class DiskFull:
    """No image can be fetched for some seconds: there is no room for it."""

    seconds: float
    excuses = True
    kind = "disk full"
    moment = "at image fetch"

    def arm(self, site) -> None:
        site.fill_disk()

    def strike(self, site) -> bool:
        time.sleep(self.seconds)
        return True

    def mend(self, site) -> None:
        site.empty_disk()
