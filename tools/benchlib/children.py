"""Programs that end when this one does."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from benchlib.errors import BenchError

STOPS = (signal.SIGTERM, signal.SIGHUP)


def stop_on_term() -> None:
    """Let SIGTERM and SIGHUP end this program as an exception would, so that `with` and `finally`
    take down what was started; once, for they must not be cut short by the next one."""

    def stop(number: int, _) -> None:
        signal.signal(number, signal.SIG_IGN)
        sys.exit(128 + number)

    for number in STOPS:
        signal.signal(number, stop)


def run(
    argv: Sequence[object], more: Mapping[str, str] | None = None, output: Path | None = None
) -> None:
    """Run a program to its end, with `more` in its environment; what it prints goes to `output`,
    else to our stderr. Raise BenchError when it fails.

    When we are stopped meanwhile, so are the program and all in its process group.
    """
    words = [str(word) for word in argv]
    child = None
    with output.open("w") if output else nullcontext(sys.stderr) as stdout:
        try:
            with _undisturbed():
                child = subprocess.Popen(
                    words,
                    env={**os.environ, **(more or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    start_new_session=True,
                )
            status = child.wait()
        except BaseException:
            if child:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
            raise
    if status:
        raise BenchError(f"`{' '.join(words)}` ended with {status}")


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold signals to stop back until the end: a program that is half started is nobody's."""
    held: list[int] = []
    handlers = {
        number: signal.signal(number, lambda number, _: held.append(number))
        for number in (*STOPS, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])
