"""Keep a daemon small."""

from __future__ import annotations

import ctypes
import gc


def settle() -> None:
    """Call when everything is loaded: give back what loading took and is not needed any more.

    What is left stays for the life of the process: the collector need not look at it again, and a
    forked worker that does not touch it shares it.
    """
    gc.collect()
    gc.freeze()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except AttributeError:
        return  # not glibc: its allocator has no such call
