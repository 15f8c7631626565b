"""Keep a daemon small."""

from __future__ import annotations

import ctypes
import gc

_M_ARENA_MAX = -8  # of mallopt(3)


def share_one_arena() -> None:
    """Call before there are threads: of those that take turns in one interpreter, none needs a part
    of the heap of its own."""
    _call_glibc("mallopt", _M_ARENA_MAX, 1)


def settle() -> None:
    """Call when everything is loaded: give back what loading took and is not needed any more.

    What is left stays for the life of the process: the collector need not look at it again, and a
    forked worker that does not touch it shares it.
    """
    gc.collect()
    gc.freeze()
    _call_glibc("malloc_trim", 0)


def _call_glibc(name: str, *arguments: int) -> None:
    function = getattr(ctypes.CDLL(None), name, None)
    if function is not None:  # another C library's allocator has no such call
        function(*arguments)
