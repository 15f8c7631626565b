"""One command at a time changes a stack."""

import fcntl
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from stacklib import files
from stacklib.stack import Stack


@contextmanager
def alone(stack: Stack) -> Iterator[None]:
    """Wait until no other command changes the stack, and keep others waiting."""
    files.directory(stack.directory, 0o755)
    with (stack.directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("stack: waiting for another stack command", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
