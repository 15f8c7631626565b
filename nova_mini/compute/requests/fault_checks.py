"""Who may request faults of the fake driver: see ``virt/fake/metadata.py``."""

from __future__ import annotations

from collections.abc import Iterable

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.context import RequestContext

PREFIX = "fake:"


def check(context: RequestContext, metadata: Iterable[str] | None) -> None:
    """``metadata``: the names of new items of a server. Raises Forbidden (403) if they request a
    fault, and the user may not."""
    if CONF.fake.faults != "admins" or context.is_admin:
        return
    if any(name.startswith(PREFIX) for name in metadata or ()):
        raise exception.Forbidden(f"Metadata that begins with {PREFIX} is for administrators only")
