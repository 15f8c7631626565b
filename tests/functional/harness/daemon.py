"""A daemon of nova_mini as a process; we play its systemd."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import sys
import time
from collections.abc import Sequence

from tests.functional.harness.process import Process
from tests.functional.harness.systemd import Systemd
from tests.functional.harness.waiting import until

READY_SECONDS = 40


class Daemon:
    """``nova_mini.cmd.<service>``. ``faults`` is the directory in which a step's death is ordered.

    Starting is in two halves, so that several daemons start at the same time.
    """

    def __init__(
        self,
        service: str,
        configs: Sequence[pathlib.Path],
        directory: pathlib.Path,
        name: str | None = None,
    ):
        self.name = name or service
        self.faults = directory / f"faults-{self.name}"
        self.faults.mkdir()
        argv = [sys.executable, "-m", f"nova_mini.cmd.{service}"]
        argv += [f"--config-file={config}" for config in configs]
        environment = {"NOVA_MINI_FAULT_DIR": str(self.faults)}
        self.process = Process(self.name, argv, directory / f"{self.name}.log", environment)

    # -- start and stop ----------------------------------------------------------------------

    def spawn(self) -> None:
        self._systemd = Systemd()
        self.process.spawn({"NOTIFY_SOCKET": self._systemd.address})

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not self._systemd.ready.wait(0.1):
            assert self.process.alive, f"{self.name} died at its start:\n{self.process.tail()}"
            assert time.monotonic() < deadline, f"{self.name} is not ready:\n{self.process.tail()}"

    def start(self) -> None:
        self.spawn()
        self.wait_ready()

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        return self.process.terminate()

    # -- harm --------------------------------------------------------------------------------

    def kill(self) -> None:
        self.process.kill()

    def restart(self) -> None:
        """What Restart=always does, without its pause."""
        self.process.kill()
        self.start()

    def pause(self) -> None:
        self.process.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.signal(signal.SIGCONT)

    def strike_at(self, moment: str, order: str = "SIGKILL") -> None:
        """The next time that ``moment`` comes, a step's name or "before" and a step's name, the
        process that walks it sends itself the signal: see ``nova_mini.faults``."""
        self.order(moment, order)

    def order(self, name: str, text: str) -> None:
        """See ``nova_mini.faults``."""
        draft = self.faults.with_suffix(".order")
        draft.write_text(text)
        draft.rename(self.faults / name)

    def is_struck(self, moment: str) -> bool:
        return not (self.faults / moment).exists()

    def wait_struck(self, moment: str, seconds: float = 15) -> None:
        until(f"{self.name} is struck at {moment}", lambda: self.is_struck(moment), seconds)

    def disarm(self) -> None:
        for order in self.faults.iterdir():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(order)
