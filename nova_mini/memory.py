"""Reduce the memory of a daemon."""

from __future__ import annotations

import ctypes
import gc

_M_ARENA_MAX = -8  # of mallopt(3)


def share_one_arena() -> None:
    """Let all threads allocate from one heap. Call before threads are started.

    The threads of one interpreter run one at a time, so separate heaps only cost memory.
    """
    _call_glibc("mallopt", _M_ARENA_MAX, 1)


def trim_and_freeze() -> None:
    """Free the memory that loading needed. Call when everything is loaded.

    The remaining objects are excluded from garbage collection, because they live as long as the
    process. So forked workers do not write to their pages, and share them.
    """
    gc.collect()
    gc.freeze()
    _call_glibc("malloc_trim", 0)


def _call_glibc(name: str, *arguments: int) -> None:
    function = getattr(ctypes.CDLL(None), name, None)
    if function is not None:  # other C libraries do not have it
        function(*arguments)
