"""What the audit of a host finds: see ``nova_mini.compute.host.audit``."""

from __future__ import annotations

from typing import TypedDict


class HostFinding(TypedDict):
    """``instance_uuid`` None: a problem of the host itself. ``since``: ISO time, or None.
    ``remedy``: what a repair does, or None if there is none."""

    kind: str
    instance_uuid: str | None
    problem: str
    since: str | None
    remedy: str | None
