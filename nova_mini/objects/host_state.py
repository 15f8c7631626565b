"""What the scheduler reads of the hosts, as plain rows: ten thousand objects would take seconds.

Only the scheduler imports this.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Collection, Sequence
from typing import Any

from nova_mini import db
from nova_mini.conf import CONF
from nova_mini.objects.base import utcnow

# Seconds until a change is surely visible: clocks differ, transactions take time.
_LAG = 5


@dataclasses.dataclass(frozen=True)
class HostChanges:
    """``described`` and ``ledger``: rows of db.host_states; ``unavailable``: ids of nodes that
    can take nothing now; ``zones``: host -> zone, or None when nothing changed since
    ``zones_version``; ``as_of`` is to be given to the next reading."""

    described: Sequence[Any]
    ledger: Sequence[Any]
    unavailable: Sequence[int]
    zones: dict[str, str] | None
    zones_version: tuple
    as_of: datetime.datetime


@db.session.errors_named
@db.session.retried
def read_changes(
    since: datetime.datetime | None = None, after_id: int = 0, zones_version: tuple | None = None
) -> HostChanges:
    """All hosts, or with ``since`` (the ``as_of`` of a reading before) what changed after it.

    Raises DatabaseUnavailable.
    """
    states = db.host_states
    as_of = utcnow()
    with db.session.reader():
        if since is None:
            described, ledger = states.get_descriptions(), []
        else:
            since -= datetime.timedelta(seconds=_LAG)
            described = states.get_descriptions(since, after_id)
            ledger = states.get_ledger_since(since)
        newest_zones = states.get_zones_version()
        return HostChanges(
            described=described,
            ledger=ledger,
            unavailable=states.get_unavailable(
                as_of - datetime.timedelta(seconds=CONF.service_down_time)
            ),
            zones=states.get_zones() if newest_zones != zones_version else None,
            zones_version=newest_zones,
            as_of=as_of,
        )


@db.session.errors_named
@db.session.retried
def read_ledger(hosts: Collection[str]) -> Sequence[Any]:
    """The ledger of these hosts now. Raises DatabaseUnavailable."""
    return db.host_states.get_ledger_of(hosts)
