"""A child process that a test may kill, pause, continue and start again."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
from collections.abc import Mapping, Sequence
from concurrent import futures

_TAIL_LINES = 25
# For --pdeathsig the parent of a process is the thread that started it: this thread never ends.
_PARENT = futures.ThreadPoolExecutor(1, thread_name_prefix="parent")


class Process:
    """Runs ``argv`` and appends its output to ``log``. It is killed when the tests end or die.

    ``directory``: the working directory; None: that of the tests.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        log: pathlib.Path,
        environment: Mapping[str, str] | None = None,
        directory: pathlib.Path | None = None,
    ):
        self.name = name
        self.log = log
        self._argv = ["setpriv", "--pdeathsig=KILL", "--", *argv]
        self._environment = {**os.environ, **(environment or {})}
        self._directory = directory
        self._popen: subprocess.Popen | None = None

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def alive(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def spawn(self, environment: Mapping[str, str] | None = None) -> None:
        """``environment``: additional variables for this start."""
        self._popen = _PARENT.submit(
            self._start, {**self._environment, **(environment or {})}
        ).result()

    def _start(self, environment: Mapping[str, str]) -> subprocess.Popen:
        with self.log.open("ab") as output:
            return subprocess.Popen(
                self._argv,
                env=environment,
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def signal(self, number: int) -> None:
        """Send a signal to the process, not to its children. Ignored if the process is dead."""
        self._popen.send_signal(number)

    def kill(self) -> None:
        """Send SIGKILL to the process and its children."""
        if self.alive:
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait(10)

    def terminate(self, seconds: float = 20) -> int:
        """Send SIGTERM. Return the exit status. Raises AssertionError, and kills the process, when
        it does not end in time."""
        if self.alive:
            os.kill(self.pid, signal.SIGCONT)
            os.kill(self.pid, signal.SIGTERM)
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired as exc:
            self.kill()
            raise AssertionError(f"{self.name} did not stop within {seconds} s") from exc

    def wait_dead(self, seconds: float) -> None:
        """Wait until it has died. Raises AssertionError after ``seconds``."""
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired as exc:
            raise AssertionError(f"{self.name} did not die within {seconds} s") from exc

    def tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-_TAIL_LINES:])
