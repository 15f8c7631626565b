"""The state of the hosts for the scheduler, as plain rows: 10,000 objects would take seconds.

Only the scheduler imports this module.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from nova_mini import db
from nova_mini.clock import utcnow
from nova_mini.conf import CONF
from nova_mini.states import task_states, vm_states

# A change is visible at most so many seconds after its timestamp: clocks differ, and transactions
# take time.
_LAG = 5

AggregatesVersion = tuple[Any, ...]  # see db.host_states.get_aggregates_version


class AggregateState(NamedTuple):
    """An aggregate that has metadata and hosts."""

    metadata: Mapping[str, str]
    hosts: Sequence[str]


@dataclasses.dataclass(frozen=True)
class HostChanges:
    """``described`` and ``ledger``: rows of db.host_states. ``unavailable``: IDs of the nodes that
    cannot accept servers now. ``io_ops``: host -> number of its operations with much input
    and output. ``aggregates``: all of them, or None when nothing has changed since
    ``aggregates_version``. ``as_of``: the argument ``since`` of the next read."""

    described: Sequence[Any]
    ledger: Sequence[Any]
    unavailable: Sequence[int]
    io_ops: Mapping[str, int]
    aggregates: list[AggregateState] | None
    aggregates_version: AggregatesVersion
    as_of: datetime.datetime


@db.session.errors_named
@db.session.retried
def read_changes(
    since: datetime.datetime | None = None,
    after_id: int = 0,
    aggregates_version: AggregatesVersion | None = None,
) -> HostChanges:
    """Read all hosts; with ``since`` (the ``as_of`` of an earlier read) only later changes.

    ``after_id``: hosts with greater IDs are new. Raises DatabaseUnavailable.
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
        newest = states.get_aggregates_version()
        aggregates = None
        if newest != aggregates_version:
            aggregates = [AggregateState(*each) for each in states.get_aggregates()]
        return HostChanges(
            described=described,
            ledger=ledger,
            unavailable=states.get_unavailable(
                as_of - datetime.timedelta(seconds=CONF.service_down_time)
            ),
            io_ops=_count_io_ops(),
            aggregates=aggregates,
            aggregates_version=newest,
            as_of=as_of,
        )


@db.session.errors_named
@db.session.retried
def read_ledger(hosts: Collection[str]) -> Sequence[Any]:
    """Read the ledger of these hosts. Raises DatabaseUnavailable."""
    return db.host_states.get_ledger_of(hosts)


@db.session.errors_named
@db.session.retried
def read_io_ops() -> dict[str, int]:
    """``HostChanges.io_ops``. Raises DatabaseUnavailable."""
    return _count_io_ops()


@db.session.errors_named
@db.session.retried
def read_image(instance_uuid: str) -> str | None:
    """The ID of the image of a server; None if its root disk is a volume. Raises
    DatabaseUnavailable."""
    return db.host_states.get_image(instance_uuid)


def _count_io_ops() -> dict[str, int]:
    return db.host_states.count_io_ops(vm_states.BUILDING, task_states.IO_INTENSIVE)
