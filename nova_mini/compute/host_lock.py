"""One compute process for a host: the fence at the hypervisor.

The claims in the database keep a process that lost its work from writing of it; they cannot keep it
from starting a guest. One that was frozen, and goes on when its successor has stopped or deleted
the server, would do just that. So a process that starts sees to it that its predecessor is gone.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import pathlib
import select
import signal
import struct
from collections.abc import Iterator

from nova_mini import exception
from nova_mini.conf import CONF

LOG = logging.getLogger(__name__)

# What a killed process gets to be gone; one that waits for a dead disk takes longer.
_DEATH_SECONDS = 20
_FLOCK = struct.Struct("hhqqi4x")  # l_type, l_whence, l_start, l_len, l_pid

_held: list[int] = []  # descriptors; closing one would give up its lock


def take(host: str) -> None:
    """Be the only compute process of ``host`` on this machine until this one ends.

    A predecessor that still lives is killed: what it was doing is an unfinished action, which is
    taken up again. Called by ``nova-mini-compute`` before it registers, so that nobody does what
    the predecessor still might. Raises HostTaken when it does not die.

    It is a POSIX record lock on a file of ours: it ends with the process, however that ends, a
    child does not inherit it, and the kernel knows who has it.
    """
    path = pathlib.Path(CONF.state_path) / f"compute-{host}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    _held.append(lock)
    while not _try(lock):
        if (pid := _holder(lock)) is not None:
            try:
                _kill(pid, lock)
            except TimeoutError as exc:
                raise exception.HostTaken(host=host, lock=path, reason=exc) from exc


def _try(lock: int) -> bool:
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(lock: int) -> int | None:
    """The pid of who has it; None when nobody has."""
    asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    kind, *_, pid = _FLOCK.unpack(fcntl.fcntl(lock, fcntl.F_GETLK, asked))
    return None if kind == fcntl.F_UNLCK else pid


def _kill(pid: int, lock: int) -> None:
    """Kill who has the lock and wait until it is gone. Raises TimeoutError."""
    if pid <= 0:
        raise TimeoutError("it is in another container or on another machine")
    with contextlib.suppress(ProcessLookupError), _opened(pid) as process:
        if _holder(lock) != pid:  # it went, and the pid may be somebody else's now
            return
        LOG.warning("Killing process %d, the compute of this host before this one", pid)
        signal.pidfd_send_signal(process, signal.SIGKILL)
        if not select.select([process], [], [], _DEATH_SECONDS)[0]:
            raise TimeoutError(f"process {pid} is killed, but does not die")


@contextlib.contextmanager
def _opened(pid: int) -> Iterator[int]:
    """The process itself, whoever has its pid later. Raises ProcessLookupError."""
    process = os.pidfd_open(pid)
    try:
        yield process
    finally:
        os.close(process)
