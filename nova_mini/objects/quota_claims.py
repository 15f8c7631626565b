"""Check the quota of servers, and use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nova_mini import db, exception

if TYPE_CHECKING:
    from nova_mini.context import RequestContext


@dataclass(slots=True)
class Limits:
    """resource -> limit (-1: unlimited): all limits of the project, and those that were set for the
    user in it."""

    of_project: dict[str, int]
    of_user: dict[str, int]


def count_that_fit(
    context: RequestContext, each: dict[str, int], limits: Limits, minimum: int, maximum: int
) -> int:
    """How many servers with ``each`` {"cores", "ram"} fit into the quota, at most ``maximum``.

    Only a check: :func:`claim` uses the quota. Raises OverQuota when not even ``minimum``
    servers fit.
    """
    cost = {"instances": 1, **each}
    used = db.project_usages.get(context.project_id)
    count = _at_most(cost, used, limits.of_project, minimum, maximum)
    if limits.of_user:
        used = db.project_usages.get_of_user(context.project_id, context.user_id)
        count = _at_most(cost, used, limits.of_user, minimum, count)
    return count


def _at_most(
    cost: dict[str, int], used: dict[str, int], limits: dict[str, int], minimum: int, maximum: int
) -> int:
    limited = [name for name in cost if cost[name] and limits.get(name, -1) >= 0]
    fits = {name: max(0, limits[name] - used[name]) // cost[name] for name in limited}
    count = min([maximum, *fits.values()])
    if count >= minimum:
        return count
    requested = {name: amount * minimum for name, amount in cost.items()}
    raise _over_quota(requested, used, limits)


def claim(project_id: str, user_id: str, requested: dict[str, int], limits: Limits) -> None:
    """Add ``requested`` ({"instances", "cores", "ram" (MiB)}) to the usage of a project. Raises
    OverQuota.

    Called last in the transaction that changes the servers: concurrent requests of a project wait
    for its row.
    """
    if not db.project_usages.claim(project_id, requested, limits.of_project):
        raise _over_quota(requested, db.project_usages.get(project_id), limits.of_project)
    if limits.of_user:
        used = db.project_usages.get_of_user(project_id, user_id)
        # What is requested is in the tables already.
        before = {name: used[name] - amount for name, amount in requested.items()}
        if any(_exceeds(name, n, before, limits.of_user) for name, n in requested.items()):
            raise _over_quota(requested, before, limits.of_user)


def _exceeds(name: str, amount: int, used: dict[str, int], limits: dict[str, int]) -> bool:
    return amount > 0 and 0 <= limits.get(name, -1) < used[name] + amount


def _over_quota(
    requested: dict[str, int], used: dict[str, int], limits: dict[str, int]
) -> exception.OverQuota:
    """An error that names the exceeded resources.

    If ``used`` is lower again, because concurrent requests have ended, it names all limited
    resources.
    """
    limited = [name for name, amount in requested.items() if amount and limits.get(name, -1) >= 0]
    overs = [name for name in limited if _exceeds(name, requested[name], used, limits)] or limited
    return exception.OverQuota(
        overs=", ".join(overs),
        req=", ".join(str(requested[name]) for name in overs),
        used=", ".join(str(used[name]) for name in overs),
        allowed=", ".join(f"{limits[name]} {name}" for name in overs),
    )
