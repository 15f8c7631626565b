"""A lease for one piece of work, which is free again soon after its holder has died."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import uuid
from collections.abc import Iterator

from oslo_db import exception as db_exc

from nova_mini import db, exception

LOG = logging.getLogger(__name__)

_SECONDS = 12  # in which a dead holder is noticed
_RENEWAL = 3.0  # seconds between two renewals
_PAUSE = 0.1  # seconds between two attempts to get it


@contextlib.contextmanager
def hold(name: str, patience: float, doing: str) -> Iterator[None]:
    """Hold the lease ``name`` in the block, however long it takes.

    Waits ``patience`` seconds for another holder, then raises ActionInterrupted: another process is
    ``doing`` this.
    """
    owner = str(uuid.uuid4())
    deadline = time.monotonic() + patience
    while not db.leases.take(name, owner, _SECONDS):
        if time.monotonic() > deadline:
            raise exception.ActionInterrupted(reason=f"another process {doing}")
        time.sleep(_PAUSE)
    end = threading.Event()
    renewal = threading.Thread(target=_renew, args=(name, owner, end), daemon=True)
    renewal.start()
    try:
        yield
    finally:
        end.set()
        renewal.join()
        db.leases.take(name, owner, 0)


def _renew(name: str, owner: str, end: threading.Event) -> None:
    while not end.wait(_RENEWAL):
        try:
            if not db.leases.take(name, owner, _SECONDS):
                LOG.warning("The lease %r was lost: it was not renewed in time", name)
                return
        except db_exc.DBError as exc:
            LOG.warning("The lease %r is not renewed yet: %s", name, exc)
