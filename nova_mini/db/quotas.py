"""The limits that were set for projects, users in projects, and quota classes."""

from __future__ import annotations

from collections.abc import Mapping

from oslo_db import exception as db_exc

from nova_mini.db import query
from nova_mini.db.models import quotas

_QUOTA = quotas.c


def get_by_class(quota_class: str) -> dict[str, int]:
    return _limits(_QUOTA.quota_class == quota_class)


def get_by_project(project_id: str, user_id: str = "") -> dict[str, int]:
    """resource -> limit, if it was set; of the project itself if ``user_id`` is ""."""
    return _limits(*_of_project(project_id, user_id))


def get_applicable(
    project_id: str, user_id: str, quota_class: str
) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """{resource: limit} of the class, of the project and of the user in it; one query."""
    rows = query.many(
        quotas,
        (_QUOTA.quota_class == quota_class)
        | ((_QUOTA.project_id == project_id) & _QUOTA.user_id.in_(["", user_id])),
    )
    of_class, of_project, of_user = {}, {}, {}
    for row in rows:
        if row["quota_class"]:
            of_class[row["resource"]] = row["hard_limit"]
        elif row["user_id"]:
            of_user[row["resource"]] = row["hard_limit"]
        else:
            of_project[row["resource"]] = row["hard_limit"]
    return of_class, of_project, of_user


def set_by_class(quota_class: str, limits: Mapping[str, int]) -> None:
    _set({"quota_class": quota_class}, limits)


def set_by_project(project_id: str, user_id: str, limits: Mapping[str, int]) -> None:
    _set({"project_id": project_id, "user_id": user_id}, limits)


def destroy_by_project(project_id: str, user_id: str = "") -> None:
    """Delete the limits of a user in a project; of the project and all its users if ``user_id`` is
    ""."""
    where = [_QUOTA.project_id == project_id]
    if user_id:
        where.append(_QUOTA.user_id == user_id)
    query.delete(quotas, *where)


def _of_project(project_id: str, user_id: str) -> tuple:
    return _QUOTA.project_id == project_id, _QUOTA.user_id == user_id, _QUOTA.quota_class == ""


def _limits(*where) -> dict[str, int]:
    return {row["resource"]: row["hard_limit"] for row in query.many(quotas, *where)}


def _set(owner: Mapping[str, str], limits: Mapping[str, int]) -> None:
    key = {"project_id": "", "user_id": "", "quota_class": "", **owner}
    for resource, limit in limits.items():
        where = [_QUOTA[name] == value for name, value in key.items()]
        where.append(_QUOTA.resource == resource)
        if query.update(quotas, {"hard_limit": limit}, *where):
            continue
        try:
            query.insert(quotas, {**key, "resource": resource, "hard_limit": limit})
        except db_exc.DBDuplicateEntry:  # a concurrent request has set it
            query.update(quotas, {"hard_limit": limit}, *where)
