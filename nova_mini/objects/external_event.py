"""Events that Neutron and Cinder send about servers."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class ExternalEvent(TypedDict):
    """``tag``: the port or the volume. ``status``: completed, failed or in-progress."""

    server_uuid: str
    name: str
    tag: NotRequired[str | None]
    status: NotRequired[str]
