"""The query of a list of servers, turned into filters and an order of the database."""

from __future__ import annotations

from dataclasses import dataclass

from oslo_utils import strutils, timeutils

from nova_mini import exception, policy
from nova_mini.api.openstack.compute.views.server_status import states_of
from nova_mini.api.openstack.request import Request
from nova_mini.compute import vm_states
from nova_mini.conf import CONF
from nova_mini.objects.flavor import Flavor
from nova_mini.objects.instance_list import DEFAULT_SORT
from nova_mini.policies import servers as server_policy

# name in the query -> name of the filter, for those that everyone may use
_FOR_ALL = {
    "reservation_id": "reservation_id",
    "name": "display_name",
    "display_name": "display_name",
    "status": "status",
    "image": "image_ref",
    "flavor": "flavor",
    "ip": "ip",
    "ip6": "ip6",
    "changes-since": "changes-since",
    "changes-before": "changes-before",
    "tags": "tags",
    "tags-any": "tags-any",
    "not-tags": "not-tags",
    "not-tags-any": "not-tags-any",
    "locked": "locked",
}
_FOR_ALL_SINCE_V283 = {
    name: name
    for name in (
        "availability_zone", "config_drive", "key_name", "created_at", "launched_at",
        "terminated_at", "power_state", "task_state", "vm_state", "progress", "user_id",
    )
}  # fmt: skip
_FOR_ADMINS = {
    **_FOR_ALL,
    **_FOR_ALL_SINCE_V283,
    **{
        name: name
        for name in (
            "access_ip_v4", "access_ip_v6", "auto_disk_config", "deleted", "host", "hostname",
            "kernel_id", "launch_index", "locked_by", "node", "project_id", "ramdisk_id",
            "root_device_name", "uuid",
        )
    },
    "tenant_id": "project_id",
    "description": "display_description",
    "display_description": "display_description",
}  # fmt: skip
_FIRST_VERSION = {
    "ip6": (2, 5), "tags": (2, 26), "tags-any": (2, 26), "not-tags": (2, 26),
    "not-tags-any": (2, 26), "changes-before": (2, 66), "locked": (2, 73),
}  # fmt: skip
_ADMIN_SORT_KEYS = ("host", "node")


@dataclass(slots=True)
class ServerQuery:
    """``filters`` None: nothing can match."""

    filters: dict | None
    sort: tuple


def parse(req: Request, all_tenants_rule: str) -> ServerQuery:
    """Raises InvalidInput, PolicyNotAuthorized. What the caller may not filter by is ignored."""
    return ServerQuery(_filters(req, all_tenants_rule), _sort(req))


# -- filters -------------------------------------------------------------------------------------


def _filters(req: Request, all_tenants_rule: str) -> dict | None:
    context = req.context
    asked = _asked(req)
    filters: dict = {"deleted": False}
    if _asks_for_other_projects(req, asked):
        policy.authorize(context, all_tenants_rule)
    else:
        asked["project_id"] = [context.project_id]
    _check_changes(asked)
    for name, values in asked.items():
        found = _CONVERTERS.get(name, _text)(context, name, values)
        if found is None:
            return None
        filters.update(found)
    if "changes-since" in asked and "deleted" not in asked:
        del filters["deleted"]
    return filters


def _asked(req: Request) -> dict[str, list[str]]:
    """filter -> values, of what the caller may filter by in this version."""
    allowed = _allowed(req)
    return {
        allowed[name]: req.query.getall(name)
        for name in req.query
        if name in allowed and req.api_version >= _FIRST_VERSION.get(name, (2, 1))
    }


def _allowed(req: Request) -> dict[str, str]:
    if policy.authorize(req.context, server_policy.ALL_FILTERS, fatal=False):
        return _FOR_ADMINS
    extra = {name: name for name in CONF.api.instance_list_extra_filters if name in _FOR_ADMINS}
    if req.api_version >= (2, 83):
        return {**_FOR_ALL, **_FOR_ALL_SINCE_V283, **extra}
    return {**_FOR_ALL, **extra}


def _asks_for_other_projects(req: Request, asked: dict[str, list[str]]) -> bool:
    """``all_tenants`` alone means yes, and so does another project's id."""
    text = req.query.get("all_tenants")
    if text is None:
        return asked.get("project_id", [req.context.project_id])[-1] != req.context.project_id
    try:
        return strutils.bool_from_string(text or "1", strict=True)
    except ValueError as exc:
        raise exception.InvalidInput(reason="all_tenants must be true or false") from exc


def _check_changes(asked: dict[str, list[str]]) -> None:
    since, before = asked.get("changes-since"), asked.get("changes-before")
    if since and before and _parse_time(since[-1]) > _parse_time(before[-1]):
        raise exception.InvalidInput(
            reason="changes-since must be earlier than or equal to changes-before"
        )


# Each converter returns the filters that ``values`` (the last counts) mean, None when no server
# can match.


def _text(context, name: str, values: list[str]) -> dict:
    return {name: values[-1]}


def _status(context, name: str, values: list[str]) -> dict | None:
    states = [state for value in values for state in states_of(value)]
    if not states:
        return None
    if any(vm_state == vm_states.DELETED for vm_state, _ in states):
        if not context.is_admin:
            raise exception.Forbidden("Only administrators may list deleted servers.")
        return {"states": states, "deleted": True}
    return {"states": states}


def _flavor(context, name: str, values: list[str]) -> dict | None:
    try:
        return {"instance_type_id": Flavor.get_by_flavor_id(context, values[-1]).id}
    except exception.FlavorNotFound:
        return None


def _time(context, name: str, values: list[str]) -> dict:
    return {name: _parse_time(values[-1])}


def _parse_time(text: str):
    try:
        return timeutils.normalize_time(timeutils.parse_isotime(text))
    except (ValueError, OverflowError) as exc:
        raise exception.InvalidInput(
            reason="times must be written like 2026-01-31T12:00:00Z"
        ) from exc


def _number(context, name: str, values: list[str]) -> dict:
    try:
        number = int(values[-1])
    except ValueError as exc:
        raise exception.InvalidInput(reason=f"{name} must be a number") from exc
    if abs(number) > 0x7FFFFFFF:
        raise exception.InvalidInput(reason=f"{name} is out of range")
    return {name: number}


def _flag(context, name: str, values: list[str]) -> dict:
    try:
        return {name: strutils.bool_from_string(values[-1], strict=True)}
    except ValueError as exc:
        raise exception.InvalidInput(reason=f"{name} must be true or false") from exc


def _config_drive(context, name: str, values: list[str]) -> dict:
    return {name: "True" if _flag(context, name, values)[name] else ["", None]}


def _task_state(context, name: str, values: list[str]) -> dict:
    return {name: [None if value.lower() in ("none", "null") else value for value in values]}


def _many(context, name: str, values: list[str]) -> dict:
    return {name: values}


def _tags(context, name: str, values: list[str]) -> dict:
    return {name: [tag for tag in values[-1].split(",") if tag]}


_CONVERTERS = {
    "status": _status,
    "flavor": _flavor,
    "changes-since": _time,
    "changes-before": _time,
    "created_at": _time,
    "launched_at": _time,
    "terminated_at": _time,
    "power_state": _number,
    "launch_index": _number,
    "progress": _number,
    "deleted": _flag,
    "locked": _flag,
    "auto_disk_config": _flag,
    "config_drive": _config_drive,
    "vm_state": _many,
    "task_state": _task_state,
    "tags": _tags,
    "tags-any": _tags,
    "not-tags": _tags,
    "not-tags-any": _tags,
}


# -- order ---------------------------------------------------------------------------------------


def _sort(req: Request) -> tuple:
    """The keys in the order in which they were given; a missing direction is ``desc``."""
    keys, directions = req.query.getall("sort_key"), req.query.getall("sort_dir")
    if not keys:
        direction = directions[0] if directions else "desc"
        return tuple((name, direction) for name, _ in DEFAULT_SORT)
    if len(directions) > len(keys):
        raise exception.InvalidInput(reason="there are more sort_dir than sort_key")
    if not req.context.is_admin and (denied := set(keys) & set(_ADMIN_SORT_KEYS)):
        raise exception.Forbidden(
            f"Only administrators can sort servers by {', '.join(sorted(denied))}"
        )
    sort = dict.fromkeys(keys, directions[-1] if directions else "desc")
    sort.update(zip(keys, directions, strict=False))
    sort.setdefault("created_at", "desc")
    return (*sort.items(), ("id", "desc"))
