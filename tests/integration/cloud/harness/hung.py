"""Threads of another process that stand still while its others go on, by ptrace(2)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pathlib

from tests.functional.harness.waiting import until

_SEIZE, _INTERRUPT = 0x4206, 0x4207
_EVERY_THREAD = 0x40000000  # __WALL


class HungThreads:
    """Those called ``name`` in the process ``pid``, from now on, as long as we live. To be used in
    one thread alone."""

    def __init__(self, pid: int, name: str):
        self._process = pathlib.Path("/proc", str(pid))
        tasks = [each for each in (self._process / "task").iterdir() if _name(each) == name]
        assert tasks, f"process {pid} has no thread {name}"
        for each in tasks:
            _ptrace(_SEIZE, int(each.name))
            _ptrace(_INTERRUPT, int(each.name))

    def wait_for_end(self, seconds: float) -> None:
        """Until the process is gone: it is not, as long as nobody takes note of its threads."""

        def gone() -> bool:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(-1, os.WNOHANG | _EVERY_THREAD)
            return not self._process.exists()

        until(f"{self._process} is gone", gone, seconds, 0.1)


def _name(task: pathlib.Path) -> str:
    return (task / "comm").read_text().strip()


def _ptrace(request: int, thread: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    if libc.ptrace(request, thread, None, None):
        raise OSError(ctypes.get_errno(), f"ptrace of thread {thread}")
