"""Call a function inside a namespace of another process, and mount directories there."""

import ctypes
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from stacklib.errors import StackError

# Constants of Linux. Python 3.11 has none of these calls.
CLONE_FS = 0x00000200
KINDS = {"mnt": 0x00020000, "net": 0x40000000}  # file in /proc/PID/ns: flag of setns
OPEN_TREE, MOVE_MOUNT = 428, 429  # numbers of the system calls
OPEN_TREE_CLONE = 1
MOVE_MOUNT_F_EMPTY_PATH = 4
AT_FDCWD = -100

Result = TypeVar("Result")


def call(pid: int, kind: str, function: Callable[[], Result]) -> Result:
    """Return what `function` returns in a thread that has entered the namespace `kind` (mnt or
    net) of the process `pid`. Raise what it raises; StackError when the namespace is closed."""
    outcome: list = []

    def enter() -> None:
        try:
            _enter(pid, kind)
            outcome.append((function(), None))
        except Exception as error:
            outcome.append((None, error))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    result, error = outcome[0]
    if error:
        raise error
    return result


def bind(pid: int, directory: Path, target: Path) -> None:
    """Mount a directory of this machine at `target` in the mount namespace of the process `pid`.
    Other users may walk to it there."""
    flags = OPEN_TREE_CLONE | os.O_CLOEXEC
    tree = _system_call(OPEN_TREE, AT_FDCWD, os.fsencode(directory), flags)

    def mount() -> None:
        target.mkdir(parents=True, exist_ok=True)
        where = os.fsencode(target)
        _system_call(MOVE_MOUNT, tree, b"", AT_FDCWD, where, MOVE_MOUNT_F_EMPTY_PATH)
        for parent in list(target.parents)[:-1]:
            parent.chmod(parent.stat().st_mode | 0o001)

    try:
        call(pid, "mnt", mount)
    except OSError as error:
        raise StackError(f"cannot mount {target} in the node: {error.strerror}") from error
    finally:
        os.close(tree)


def _enter(pid: int, kind: str) -> None:
    """Move this thread into a namespace. It ends there: a thread cannot go back safely."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY)
    try:
        # A thread that shares its root directory with others cannot enter a mount namespace.
        if libc.unshare(CLONE_FS) or libc.setns(descriptor, KINDS[kind]):
            reason = os.strerror(ctypes.get_errno())
            raise StackError(f"cannot enter the {kind} namespace of process {pid}: {reason}")
    finally:
        os.close(descriptor)


def _system_call(number: int, *arguments: int | bytes) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    wide = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result = libc.syscall(ctypes.c_long(number), *wide)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
