"""Periodic tasks of the conductors on the database: correct what a crash has left, and purge.

Every conductor runs them, one of them at a time: a lease in the database says which.
"""

from __future__ import annotations

import datetime
import logging
import time

from nova_mini import db
from nova_mini.clock import utcnow
from nova_mini.conf import CONF

LOG = logging.getLogger(__name__)

PURGE_INTERVAL = 60  # seconds between two runs of the purge, of which one may use a half


class Housekeeper:
    """``owner`` is the incarnation of this conductor."""

    def __init__(self, owner: str):
        self._owner = owner

    def sweep(self) -> None:
        """Correct differences in the database that a crash can leave."""
        if not db.leases.take("sweep", self._owner, CONF.conductor.sweep_interval * 3):
            return
        before = utcnow() - datetime.timedelta(seconds=CONF.conductor.sweep_interval)
        for sweep in db.sweeps.ALL:
            found = sweep.find(before)
            count = sweep.repair(found, CONF.host) if found else 0
            if count:
                LOG.warning("Swept: %d %s", count, sweep.description)

    def remove_console_tokens(self) -> None:
        """Remove the tokens of consoles that have expired."""
        if db.leases.take("console tokens", self._owner, PURGE_INTERVAL * 3):
            db.console_tokens.remove_expired()

    def purge(self) -> None:
        """Remove the rows of servers that were deleted long ago, if the operator wants that.

        Limited in time: the next run of the task continues.
        """
        days = CONF.conductor.purge_deleted_days
        if not days or not db.leases.take("purge", self._owner, PURGE_INTERVAL * 3):
            return
        end = time.monotonic() + PURGE_INTERVAL / 2
        count = 0
        for removed in db.purge.purge(utcnow() - datetime.timedelta(days=days)):
            count += removed
            if time.monotonic() > end:
                break
        if count:
            LOG.info("Purged: %d servers that were deleted %d days ago or earlier", count, days)
