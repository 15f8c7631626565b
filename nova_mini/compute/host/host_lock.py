"""One compute process per host: the fence at the hypervisor.

A process that lost its claims in the database cannot write results, but it could still start a
guest: for example a process that was frozen while its successor stopped or deleted the server.
Therefore a new process kills its predecessor.
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

# Seconds until a killed process must have ended; a process that waits for a dead disk takes longer.
_DEATH_SECONDS = 20
_FLOCK = struct.Struct("hhqqi4x")  # l_type, l_whence, l_start, l_len, l_pid

_held: list[int] = []  # file descriptors; closing one would release its lock


def take(host: str) -> None:
    """Make this process the only compute process of ``host`` on this machine.

    Kills a predecessor that still runs; its unfinished actions are resumed. Called by
    ``nova-mini-compute`` before it registers, so that no action is resumed while the predecessor
    can still run it. Raises HostTaken if the predecessor does not die.

    Uses a POSIX record lock: it ends with the process in any case, child processes do not inherit
    it, and the kernel reports the pid of its holder.
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
    """Return the pid of the holder of the lock, or None."""
    query = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    kind, *_, pid = _FLOCK.unpack(fcntl.fcntl(lock, fcntl.F_GETLK, query))
    return None if kind == fcntl.F_UNLCK else pid


def _kill(pid: int, lock: int) -> None:
    """Kill the holder of the lock and wait for its end. Raises TimeoutError."""
    if pid <= 0:
        raise TimeoutError("it is in another container or on another machine")
    with contextlib.suppress(ProcessLookupError), _opened(pid) as process:
        if _holder(lock) != pid:  # it has ended, and another process may have its pid
            return
        LOG.warning("Process %d: killing it, an earlier compute process of this host", pid)
        signal.pidfd_send_signal(process, signal.SIGKILL)
        if not select.select([process], [], [], _DEATH_SECONDS)[0]:
            raise TimeoutError(f"process {pid} is killed, but does not die")


@contextlib.contextmanager
def _opened(pid: int) -> Iterator[int]:
    """Open a pidfd, which never refers to a later process. Raises ProcessLookupError."""
    process = os.pidfd_open(pid)
    try:
        yield process
    finally:
        os.close(process)
