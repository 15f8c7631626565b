"""A daemon of nova_mini as a process. The harness does what systemd would do."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import time
from collections.abc import Sequence

from tests.functional.harness.process import Process
from tests.functional.harness.source import HERE, Source
from tests.functional.harness.systemd import Systemd
from tests.functional.harness.waiting import until

READY_SECONDS = 40


class Daemon:
    """The process of ``nova_mini.cmd.<service>`` of ``source``. ``faults``: the directory for
    orders of faults.

    A start has two parts (:meth:`spawn`, :meth:`wait_ready`), so that several daemons can start at
    the same time.
    """

    def __init__(
        self,
        service: str,
        configs: Sequence[pathlib.Path],
        directory: pathlib.Path,
        name: str | None = None,
        source: Source = HERE,
    ):
        self.name = name or service
        self.faults = directory / f"faults-{self.name}"
        self.faults.mkdir(exist_ok=True)
        argv = source.argv(service) + [f"--config-file={config}" for config in configs]
        environment = {**source.environment, "NOVA_MINI_FAULT_DIR": str(self.faults)}
        log = directory / f"{self.name}.log"
        self.process = Process(self.name, argv, log, environment, source.directory)

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
        """Stop it with SIGTERM. Return the exit status."""
        return self.process.terminate()

    # -- faults ------------------------------------------------------------------------------

    def kill(self) -> None:
        self.process.kill()

    def restart(self) -> None:
        """Kill and start it, as systemd with Restart=always does."""
        self.process.kill()
        self.start()

    def pause(self) -> None:
        self.process.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.signal(signal.SIGCONT)

    def inject_at(self, point: str, order: str = "SIGKILL") -> None:
        """Order a signal at the next pass of a fault injection point: see
        ``nova_mini.faults.inject``."""
        self.order(point, order)

    def order(self, name: str, text: str) -> None:
        """Write an order: see ``nova_mini.faults``."""
        draft = self.faults.with_suffix(".order")
        draft.write_text(text)
        draft.rename(self.faults / name)

    def is_injected(self, point: str) -> bool:
        return not (self.faults / point).exists()

    def wait_injected(self, point: str, seconds: float = 15) -> None:
        until(f"fault in {self.name} at {point}", lambda: self.is_injected(point), seconds)

    def hold_at(self, *points: str) -> None:
        """Hold each thread that reaches one of these points: see ``held``. Only for sources with
        ``can_hold``."""
        for point in points:
            (self.faults / f"hold {point}").touch()

    def disarm(self) -> None:
        for order in self.faults.iterdir():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(order)
