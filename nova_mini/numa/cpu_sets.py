"""Sets of CPUs as text, for example ``0-3,^2,7``: the numbers 0, 1, 3 and 7."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

_PART = re.compile(r"(\^?)\s*(\d+)(?:\s*-\s*(\d+))?", re.ASCII)
_LARGEST = 65535  # of a CPU; a text must not make the service allocate memory without end


@functools.lru_cache(maxsize=1024)
def parse(text: str) -> frozenset[int]:
    """``^`` excludes, wherever it stands. Raises ValueError."""
    included: set[int] = set()
    excluded: set[int] = set()
    for part in filter(None, map(str.strip, text.split(","))):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"{part!r} is not a CPU or a range of CPUs")
        first, last = int(match[2]), int(match[3] or match[2])
        if last < first or last > _LARGEST:
            raise ValueError(f"{part!r} is not a range of CPUs")
        (excluded if match[1] else included).update(range(first, last + 1))
    return frozenset(included - excluded)


def to_text(cpus: Iterable[int]) -> str:
    """Ranges in ascending order."""
    ranges: list[list[int]] = []
    for cpu in sorted(cpus):
        if ranges and ranges[-1][1] == cpu - 1:
            ranges[-1][1] = cpu
        else:
            ranges.append([cpu, cpu])
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in ranges)
