"""Report all servers that existed in a period, for billing (``instance_usage_audit``)."""

from __future__ import annotations

import datetime
import logging
import time

from nova_mini import db, rpc
from nova_mini.clock import utcnow
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.notifications import notify_usage_exists
from nova_mini.objects import audit_period
from nova_mini.objects.instance import Instance

LOG = logging.getLogger(__name__)

INTERVAL = 600  # seconds between two searches for a period that has ended
_LEASE_SECONDS = 1800  # more than the audit of one host takes
_BATCH = 100  # servers that are reported before the audit waits for the broker
_FLUSH_SECONDS = 60  # how long the audit waits for the broker
_KEPT = datetime.timedelta(days=800)  # two periods of a year


class UsageAudits:
    """``owner`` is the incarnation of this conductor."""

    def __init__(self, owner: str):
        self._owner = owner

    def run(self) -> None:
        """Audit every host for the last period that has ended, unless it is done.

        A periodic task of all conductors, of which one at a time holds the lease.
        """
        if not CONF.instance_usage_audit or not self._has_lease():
            return
        now = utcnow()
        period = audit_period.last_completed(CONF.instance_usage_audit_period, now)
        for host in db.usage_audits.hosts_to_audit(*period):
            if not self._has_lease():
                return
            if not _audit(host, period):
                LOG.error("Usage audit of host %s: no broker answers; it will be repeated", host)
                return
        db.usage_audits.forget_old(now - _KEPT)

    def _has_lease(self) -> bool:
        return db.leases.take("usage audit", self._owner, _LEASE_SECONDS)


def _audit(host: str, period: audit_period.Period) -> bool:
    """Report the servers of a host. False if no broker answers: the audit is not finished then."""
    db.usage_audits.start(host, *period)
    context, started_at = get_admin_context(), time.monotonic()
    queue = rpc.get_notification_queue()
    servers = errors = 0
    lost_before = queue.lost
    for row in db.usage_audits.servers_of(host, *period):
        servers += 1
        if not notify_usage_exists(context, Instance.from_row(context, row), period):
            LOG.error("Instance %s: usage not reported", row["uuid"])
            errors += 1
        if servers % _BATCH == 0 and not queue.flush(_FLUSH_SECONDS):
            return False
    if not queue.flush(_FLUSH_SECONDS):
        return False
    errors = max(errors, queue.lost - lost_before)
    seconds = time.monotonic() - started_at
    message = f"{servers} servers of host {host[:100]} reported in {seconds:.1f} seconds"
    db.usage_audits.finish(host, *period, servers=servers, errors=errors, message=message)
    LOG.info("Usage audit: %s, %d errors", message, errors)
    return True
