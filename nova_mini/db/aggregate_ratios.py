"""Allocation ratios that the metadata of aggregates sets for their hosts.

The ledger of a host has the ratios in force: those that the host reports, or, where aggregates of
the host set one, the smallest of these.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import sqlalchemy as sa

from nova_mini.db import query
from nova_mini.db.models import aggregate_hosts, aggregates, compute_nodes
from nova_mini.db.session import reader

KEYS = ("cpu_allocation_ratio", "ram_allocation_ratio", "disk_allocation_ratio")

_AGGREGATE, _MEMBER = aggregates.c, aggregate_hosts.c
Ratios = dict[str, float]


def number(text: str) -> float | None:
    """The ratio; None if it is not a number above 0."""
    try:
        ratio = float(text)
    except ValueError:
        return None
    return ratio if math.isfinite(ratio) and ratio > 0 else None


def of(hosts: Collection[str]) -> dict[str, Ratios]:
    """host -> the ratios that its aggregates set. Hosts without any are not in it."""
    found: dict[str, Ratios] = {}
    with reader() as connection:
        for some in query.parts(hosts):
            statement = (
                sa.select(_MEMBER.host, _AGGREGATE.metadata)
                .join(aggregates, _AGGREGATE.id == _MEMBER.aggregate_id)
                .where(_MEMBER.host.in_(some))
            )
            for host, metadata in connection.execute(statement):
                for key, ratio in _ratios(metadata).items():
                    ratios = found.setdefault(host, {})
                    ratios[key] = min(ratio, ratios.get(key, ratio))
    return found


def _ratios(metadata: Mapping[str, str]) -> Ratios:
    numbers = {key: number(metadata[key]) for key in KEYS if key in metadata}
    return {key: ratio for key, ratio in numbers.items() if ratio is not None}


def apply(hosts: Collection[str]) -> None:
    """Write the ratios that aggregates set now. A ratio that none sets any more is that of the last
    report until the host reports again. Called in the transaction that changes an aggregate."""
    same: dict[tuple[tuple[str, float], ...], list[str]] = {}
    for host, ratios in of(hosts).items():
        same.setdefault(tuple(sorted(ratios.items())), []).append(host)
    for values, members in same.items():
        for some in query.parts(members):
            query.update(compute_nodes, dict(values), compute_nodes.c.host.in_(some))
