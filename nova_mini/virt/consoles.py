"""The consoles of a guest, as a driver describes them."""

from __future__ import annotations

import dataclasses
import enum


class ConsoleKind(enum.Enum):
    VNC = "vnc"
    SPICE = "spice"
    SERIAL = "serial"


@dataclasses.dataclass(frozen=True)
class ConsoleAddress:
    """Where a proxy reaches a console. ``tls_port``: of SPICE only, if it has one; ``port`` is the
    same if there is no port without TLS."""

    host: str
    port: int
    tls_port: int | None = None
