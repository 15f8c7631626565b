"""The policies of server groups, and what each of them permits."""

from __future__ import annotations

from collections.abc import Mapping

AFFINITY = "affinity"
ANTI_AFFINITY = "anti-affinity"
SOFT_AFFINITY = "soft-affinity"
SOFT_ANTI_AFFINITY = "soft-anti-affinity"

#: Policies that every claim must keep. The soft ones are only preferences of the scheduler.
HARD = (AFFINITY, ANTI_AFFINITY)

MAX_SERVER_PER_HOST = "max_server_per_host"


def max_per_host(rules: Mapping[str, int]) -> int:
    """How many members of an anti-affinity group may be on one host."""
    return rules.get(MAX_SERVER_PER_HOST, 1)


def permits(policy: str, rules: Mapping[str, int], members: Mapping[str, int], host: str) -> bool:
    """Whether one more member may come to ``host``. ``members``: host -> how many are there."""
    if policy == ANTI_AFFINITY:
        return members.get(host, 0) < max_per_host(rules)
    if policy == AFFINITY:
        return all(name == host for name, count in members.items() if count)
    return True


def is_kept(policy: str, rules: Mapping[str, int], members: Mapping[str, int]) -> bool:
    """Whether the members are where a hard policy permits them. ``members``: as in
    :func:`permits`."""
    if policy == ANTI_AFFINITY:
        return all(count <= max_per_host(rules) for count in members.values())
    return len(members) <= 1
