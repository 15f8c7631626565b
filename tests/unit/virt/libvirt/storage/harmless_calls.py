"""A backend of worker processes that needs no library: its calls die, hang and fail on request.

``connect`` gets a folder. Calls leave notes there, as text lines in the file ``notes``.
"""

from __future__ import annotations

import os
import pathlib
import signal
import struct
import sys
import time


class Refused(Exception):
    pass


class Broken(Exception):
    """The connection is not usable any more."""


def connect(folder: str) -> HarmlessCalls:
    calls = HarmlessCalls(pathlib.Path(folder))
    if (pathlib.Path(folder) / "away").exists():
        raise Refused("the service is away")
    return calls


def explain(exc: Exception) -> tuple[str, str, bool] | None:
    if isinstance(exc, Broken):
        return "broken", str(exc), False
    return ("refused", str(exc), True) if isinstance(exc, Refused) else None


class HarmlessCalls:
    explain = staticmethod(explain)

    def __init__(self, folder: pathlib.Path):
        self._folder = folder
        self.identity = f"client {os.getpid()}"

    def ping(self) -> bool:
        if (self._folder / "away").exists():
            time.sleep(3600)
        return True

    def fence(self, identity: str) -> None:
        self._note(f"fenced {identity}")

    def pid(self) -> int:
        return os.getpid()

    def echo(self, value):
        return value

    def is_repeated(self) -> bool:
        return self.is_retry

    def refuse(self, text: str) -> None:
        raise Refused(text)

    def break_connection(self) -> None:
        raise Broken("no connection")

    def divide_by_zero(self) -> float:
        return 1 / 0

    def die(self, times: int) -> str:
        """Abort the process the first ``times`` times, as a C++ library does."""
        self._note(f"died {os.getpid()}")
        if self._count("died") <= times:
            os.abort()
        return "done"

    def hang(self, times: int) -> str:
        """Stop the whole process the first ``times`` times."""
        self._note(f"hung {os.getpid()}")
        if self._count("hung") <= times:
            os.kill(os.getpid(), signal.SIGSTOP)
        return "done"

    def stop_in_response(self, times: int) -> str:
        """Stop after a part of the answer was sent, the first ``times`` times."""
        self._note(f"torn {os.getpid()}")
        if self._count("torn") <= times:
            os.write(int(sys.argv[1]), struct.pack("!i", 1000) + b"half")
            os.kill(os.getpid(), signal.SIGSTOP)
        return "done"

    def sleep(self, seconds: float) -> int:
        self._note(f"slept {os.getpid()}")
        time.sleep(seconds)
        return os.getpid()

    def progress(self, seconds: float) -> str:
        """A long call that reports progress all the time."""
        self._note(f"progress {os.getpid()}")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.report_progress()
            time.sleep(0.1)
        return "done"

    def wait_for(self, name: str) -> str:
        """A long call that reports progress until a file exists."""
        self._note(f"waiting {os.getpid()}")
        while not (self._folder / name).exists():
            self.report_progress()
            time.sleep(0.05)
        return "done"

    def _note(self, text: str) -> None:
        with (self._folder / "notes").open("a") as stream:
            stream.write(f"{text}\n")

    def _count(self, word: str) -> int:
        lines = (self._folder / "notes").read_text().splitlines()
        return sum(line.startswith(word) for line in lines)
