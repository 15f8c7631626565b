"""Child programs that are stopped when this program ends."""

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
    """Let the first SIGTERM or SIGHUP raise an exception, so that `with` and `finally` stop what
    was started. Later signals are ignored, because they would interrupt this."""

    def stop(number: int, _) -> None:
        signal.signal(number, signal.SIG_IGN)
        sys.exit(128 + number)

    for number in STOPS:
        signal.signal(number, stop)


def run(
    argv: Sequence[object], more: Mapping[str, str] | None = None, output: Path | None = None
) -> None:
    """Run a program with the additional variables `more`, and its output in `output` (None: on
    stderr). Raise BenchError when it fails.

    If this program is stopped, the child and its process group are stopped too.
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
    """Block signals until the end of the block, so that no child is started without being
    registered."""
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
