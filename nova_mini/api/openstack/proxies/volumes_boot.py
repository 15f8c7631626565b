"""``/os-volumes_boot``: another path of ``/servers``, to 2.102."""

from __future__ import annotations

import re

_LAST = (2, 102)
_PATH = re.compile(r"/os-volumes_boot(?P<below>(/[^/]+(/action)?)?)")


def served_path(path: str, version: tuple[int, int]) -> str:
    """The path that serves a request: below ``/servers`` for ``/os-volumes_boot``, its list,
    details, one server and its actions; otherwise ``path``."""
    found = _PATH.fullmatch(path) if version <= _LAST else None
    return f"/servers{found['below']}" if found else path
