"""Pings a guest all the time, and says for how long it did not answer."""

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence

from stacklib.errors import StackError

INTERVAL = 0.1  # seconds between two pings
_ANSWER = re.compile(r"bytes from .*icmp_seq=(\d+)")
_STOP_SECONDS = 10


class Pings:
    """`command`: runs its arguments where the guest is reached."""

    def __init__(self, command: Sequence[str], address: str):
        ping = ["ping", "-n", "-i", str(INTERVAL), address]
        self._process = subprocess.Popen(
            [*command, *ping], stdout=subprocess.PIPE, text=True, start_new_session=True
        )

    def stop(self) -> float:
        """Stop, and return the longest time in seconds without an answer; raise StackError when
        there was none at all."""
        os.killpg(self._process.pid, signal.SIGINT)  # nsenter does not pass signals on
        output, _ = self._process.communicate(timeout=_STOP_SECONDS)
        answered = [int(each) for each in _ANSWER.findall(output)]
        if not answered:
            raise StackError(f"the guest has never answered: {output[-500:]}")
        gaps = [after - before for before, after in zip(answered, answered[1:], strict=False)]
        return max(gaps, default=1) * INTERVAL

    def kill(self) -> None:
        """End the pings if they were not stopped."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(_STOP_SECONDS)


@contextlib.contextmanager
def pinging(command: Sequence[str], address: str) -> Iterator[Pings]:
    """Ping while the block runs."""
    pings = Pings(command, address)
    try:
        yield pings
    finally:
        pings.kill()
