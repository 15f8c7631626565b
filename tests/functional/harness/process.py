"""A child process that a test may kill, stop, let go on and start again."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
from collections.abc import Mapping, Sequence
from concurrent import futures

_TAIL_LINES = 25
# The kernel takes the thread that started a process for its parent: this one lives to the end.
_PARENT = futures.ThreadPoolExecutor(1, thread_name_prefix="parent")


class Process:
    """``argv`` with its output appended to ``log``; it dies with the tests, whatever kills them."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        log: pathlib.Path,
        environment: Mapping[str, str] | None = None,
    ):
        self.name = name
        self.log = log
        self._argv = ["setpriv", "--pdeathsig=KILL", "--", *argv]
        self._environment = {**os.environ, **(environment or {})}
        self._popen: subprocess.Popen | None = None

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def alive(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def spawn(self, environment: Mapping[str, str] | None = None) -> None:
        """``environment``: what this run alone gets besides."""
        self._popen = _PARENT.submit(
            self._start, {**self._environment, **(environment or {})}
        ).result()

    def _start(self, environment: Mapping[str, str]) -> subprocess.Popen:
        with self.log.open("ab") as output:
            return subprocess.Popen(
                self._argv,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def signal(self, number: int) -> None:
        """To the process alone; one that is dead already does not mind."""
        self._popen.send_signal(number)

    def kill(self) -> None:
        """SIGKILL to the process and its children, as when the machine loses power."""
        if self.alive:
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait(10)

    def terminate(self, seconds: float = 20) -> int:
        """SIGTERM; returns the exit status. Kills what does not go in time, and says so."""
        if self.alive:
            os.kill(self.pid, signal.SIGCONT)
            os.kill(self.pid, signal.SIGTERM)
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired as exc:
            self.kill()
            raise AssertionError(f"{self.name} did not stop within {seconds} s") from exc

    def wait_dead(self, seconds: float) -> None:
        """Until it has died by itself; AssertionError when it has not."""
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired as exc:
            raise AssertionError(f"{self.name} lived on for {seconds} s") from exc

    def tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-_TAIL_LINES:])
