"""Turns the query string of a list of servers into filters and a sort order for the database."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import orjson
from oslo_utils import strutils, timeutils

from nova_mini import exception, policy
from nova_mini.api.openstack.compute.views.server_status import states_of
from nova_mini.api.openstack.request import Request
from nova_mini.conf import CONF
from nova_mini.context import RequestContext
from nova_mini.objects.flavor import Flavor
from nova_mini.objects.instance_list import DEFAULT_SORT
from nova_mini.policies import servers as server_policy
from nova_mini.states import vm_states

# parameter of the query -> filter, for those that every user may use
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
    "metadata": "metadata",
}
_FOR_ALL_SINCE_V283 = {
    name: name
    for name in (
        "availability_zone",
        "config_drive",
        "key_name",
        "created_at",
        "launched_at",
        "terminated_at",
        "power_state",
        "task_state",
        "vm_state",
        "progress",
        "user_id",
    )
}
_FOR_ADMINS = {
    **_FOR_ALL,
    **_FOR_ALL_SINCE_V283,
    **{
        name: name
        for name in (
            "access_ip_v4",
            "access_ip_v6",
            "auto_disk_config",
            "deleted",
            "host",
            "hostname",
            "kernel_id",
            "launch_index",
            "locked_by",
            "node",
            "project_id",
            "ramdisk_id",
            "root_device_name",
            "soft_deleted",
            "uuid",
        )
    },
    "tenant_id": "project_id",
    "image_ref": "image_ref",
    "description": "display_description",
    "display_description": "display_description",
}
_FIRST_VERSION = {
    "ip6": (2, 5),
    "tags": (2, 26),
    "tags-any": (2, 26),
    "not-tags": (2, 26),
    "not-tags-any": (2, 26),
    "changes-before": (2, 66),
    "locked": (2, 73),
}
# Known filters that are not supported: 400 for users who may use all filters, ignored for others.
_REFUSED = (
    "block_device_mapping",
    "info_cache",
    "pci_devices",
    "security_groups",
    "services",
    "system_metadata",
)
_CHANGES = ("changes-since", "changes-before")  # find deleted servers, too
_ADMIN_SORT_KEYS = ("host", "node")


@dataclass(slots=True)
class ServerQuery:
    """``filters`` None: no server can match."""

    filters: dict | None
    sort: tuple


def parse(req: Request, all_tenants_rule: str) -> ServerQuery:
    """Filters that the caller may not use are ignored. Raises InvalidInput, PolicyNotAuthorized."""
    return ServerQuery(_filters(req, all_tenants_rule), _sort(req))


# -- filters -------------------------------------------------------------------------------------


def _filters(req: Request, all_tenants_rule: str) -> dict | None:
    context = req.context
    requested = _requested_filters(req)
    filters: dict = {"deleted": False}
    if _is_for_all_tenants(req):
        policy.authorize(context, all_tenants_rule)
    else:
        requested["project_id"] = [context.project_id or ""]
    _check_changes(requested)
    if "status" in requested and not any(map(states_of, requested["status"])):
        _refuse_unknown_status(req)
        return None
    for name, values in requested.items():
        found = _CONVERTERS.get(name, _text)(context, name, values)
        if found is None:
            return None
        filters.update(found)
    if "deleted" not in requested and not requested.keys().isdisjoint(_CHANGES):
        filters.pop("deleted")
    return _with_soft_deleted(filters)


def _with_soft_deleted(filters: dict) -> dict:
    """Soft-deleted servers count as deleted, unless ``soft_deleted`` asks for the opposite."""
    asked = filters.pop("soft_deleted", None)
    if filters.get("deleted") is False and not asked:
        return {**filters, "soft_deleted": False}
    if filters.get("deleted") is True and asked in (None, True):
        del filters["deleted"]
        return {**filters, "deleted or soft_deleted": True}
    return filters


def _requested_filters(req: Request) -> dict[str, list[str]]:
    """{filter: values}, without filters that the caller may not use or that the version lacks."""
    allowed = _allowed(req)
    return {
        allowed[name]: req.query.getall(name)
        for name in req.query
        if name in allowed and req.api_version >= _FIRST_VERSION.get(name, (2, 1))
    }


def _allowed(req: Request) -> dict[str, str]:
    if policy.authorize(req.context, server_policy.ALL_FILTERS, fatal=False):
        for name in _REFUSED:
            if name in req.query:
                raise exception.InvalidInput(reason=f"Invalid filter field: {name}.")
        return _FOR_ADMINS
    extra = {name: name for name in CONF.api.instance_list_extra_filters if name in _FOR_ADMINS}
    if req.api_version >= (2, 83):
        return {**_FOR_ALL, **_FOR_ALL_SINCE_V283, **extra}
    return {**_FOR_ALL, **extra}


def _is_for_all_tenants(req: Request) -> bool:
    """``all_tenants`` without a value means true. A project id alone does not imply it."""
    text = req.query.get("all_tenants")
    if text is None:
        return False
    try:
        return strutils.bool_from_string(text or "1", strict=True)
    except ValueError as exc:
        raise exception.InvalidInput(reason="all_tenants must be true or false") from exc


def _refuse_unknown_status(req: Request) -> None:
    """Raises ValidationError from 2.38 on; before, an unknown status just matches no server."""
    if req.api_version >= (2, 38):
        raise exception.ValidationError(detail="Invalid status value")


def _check_changes(requested: dict[str, list[str]]) -> None:
    since, before = requested.get("changes-since"), requested.get("changes-before")
    if since and before and _parse_time(since[-1]) > _parse_time(before[-1]):
        raise exception.InvalidInput(
            reason="The value of changes-since must be less than or equal to changes-before."
        )


# Converters: each returns the filters for one parameter, or None if no server can match. Where
# ``values`` has several and the filter takes one, the last is used.


def _text(context: RequestContext, name: str, values: list[str]) -> dict:
    return {name: values[-1]}


def _status(context: RequestContext, name: str, values: list[str]) -> dict:
    states = [state for value in values for state in states_of(value)]
    if any(vm_state == vm_states.DELETED for vm_state, _ in states):
        if not context.is_admin:
            raise exception.Forbidden("Only administrators may list deleted servers.")
        return {"states": states, "deleted": True}
    return {"states": states}


def _flavor(context: RequestContext, name: str, values: list[str]) -> dict | None:
    try:
        return {"instance_type_id": Flavor.get_by_flavor_id(context, values[-1]).id}
    except exception.FlavorNotFound:
        return None


def _time(context: RequestContext, name: str, values: list[str]) -> dict:
    return {name: _parse_time(values[-1])}


def _parse_time(text: str) -> datetime.datetime:
    try:
        return timeutils.normalize_time(timeutils.parse_isotime(text))
    except (ValueError, OverflowError) as exc:
        raise exception.InvalidInput(
            reason="times must have the format 2026-01-31T12:00:00Z"
        ) from exc


def _number(context: RequestContext, name: str, values: list[str]) -> dict:
    try:
        number = int(values[-1])
    except ValueError as exc:
        raise exception.InvalidInput(reason=f"{name} must be a number") from exc
    if abs(number) > 0x7FFFFFFF:
        raise exception.InvalidInput(reason=f"{name} is out of range")
    return {name: number}


def _flag(context: RequestContext, name: str, values: list[str]) -> dict:
    try:
        return {name: strutils.bool_from_string(values[-1], strict=True)}
    except ValueError as exc:
        raise exception.InvalidInput(reason=f"{name} must be true or false") from exc


def _config_drive(context: RequestContext, name: str, values: list[str]) -> dict:
    return {name: "True" if _flag(context, name, values)[name] else ["", None]}


def _task_state(context: RequestContext, name: str, values: list[str]) -> dict:
    return {name: [None if value.lower() in ("none", "null") else value for value in values]}


def _many(context: RequestContext, name: str, values: list[str]) -> dict:
    return {name: values}


def _metadata(context: RequestContext, name: str, values: list[str]) -> dict | None:
    """JSON: an object of items, or a list of such objects. A server must have all items."""
    try:
        requested = orjson.loads(values[-1])
    except orjson.JSONDecodeError:
        requested = None
    objects = requested if isinstance(requested, list) else [requested]
    items = [item for each in objects if isinstance(each, dict) for item in each.items()]
    if not items or any(not isinstance(value, str) for _, value in items):
        raise exception.InvalidInput(
            reason='metadata must be a JSON object of strings, like {"key": "value"}'
        )
    by_key = dict(items)
    # If a key has two different values, no server can have both.
    return {name: by_key} if all(by_key[key] == value for key, value in items) else None


def _tags(context: RequestContext, name: str, values: list[str]) -> dict:
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
    "soft_deleted": _flag,
    "locked": _flag,
    "auto_disk_config": _flag,
    "config_drive": _config_drive,
    "metadata": _metadata,
    "vm_state": _many,
    "task_state": _task_state,
    "tags": _tags,
    "tags-any": _tags,
    "not-tags": _tags,
    "not-tags-any": _tags,
}


# -- order ---------------------------------------------------------------------------------------


def _sort(req: Request) -> tuple:
    """((key, direction), ...) in the order of the query. A key without a direction gets the last
    direction; without any, ``desc``."""
    keys, directions = req.query.getall("sort_key"), req.query.getall("sort_dir")
    if not keys:
        direction = directions[0] if directions else "desc"
        return tuple((name, direction) for name, _ in DEFAULT_SORT)
    if len(directions) > len(keys):
        raise exception.InvalidInput(reason="Sort direction size exceeds sort key size")
    if not req.context.is_admin and (denied := set(keys) & set(_ADMIN_SORT_KEYS)):
        raise exception.Forbidden(
            f"Only administrators can sort servers by {', '.join(sorted(denied))}"
        )
    sort = dict.fromkeys(keys, directions[-1] if directions else "desc")
    sort.update(zip(keys, directions, strict=False))
    sort.setdefault("created_at", "desc")
    return (*sort.items(), ("id", "desc"))
