"""Pings a guest all the time, and says for how long it did not answer."""

import contextlib
import itertools
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stacklib.errors import StackError

INTERVAL = 0.1  # seconds between two pings
_ANSWER = re.compile(r"^\[(\d+\.\d+)\] \d+ bytes from .*icmp_seq=(\d+)", re.MULTILINE)
_STOP_SECONDS = 10


@dataclass(frozen=True)
class Silence:
    """In seconds. `longest`: without any answer. `lost`: for so long no ping in a row was ever
    answered; a guest that is slow, because its host is busy, answers all of them late."""

    longest: float
    lost: float


class Pings:
    """`command`: runs its arguments where the guest is reached."""

    def __init__(self, command: Sequence[str], address: str):
        ping = ["ping", "-n", "-D", "-i", str(INTERVAL), address]
        self._process = subprocess.Popen(
            [*command, *ping], stdout=subprocess.PIPE, text=True, start_new_session=True
        )

    def stop(self) -> Silence:
        """Stop, and return for how long there was no answer, also until now; raise StackError when
        there was none at all."""
        now = time.time()
        os.killpg(self._process.pid, signal.SIGINT)  # nsenter does not pass signals on
        output, _ = self._process.communicate(timeout=_STOP_SECONDS)
        answers = _ANSWER.findall(output)
        if not answers:
            raise StackError(f"the guest has never answered: {output[-500:]}")
        times = [*(float(seconds) for seconds, _ in answers), now]
        numbers = sorted(int(number) for _, number in answers)
        return Silence(
            longest=_longest_step(times),
            lost=(_longest_step(numbers) - 1) * INTERVAL if len(numbers) > 1 else 0,
        )

    def kill(self) -> None:
        """End the pings if they were not stopped."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(_STOP_SECONDS)


def _longest_step(values: Sequence[float]) -> float:
    return max(after - before for before, after in itertools.pairwise(values))


@contextlib.contextmanager
def pinging(command: Sequence[str], address: str) -> Iterator[Pings]:
    """Ping while the block runs."""
    pings = Pings(command, address)
    try:
        yield pings
    finally:
        pings.kill()
