"""Helpers for controllers: pagination, time filters, links, times, flags."""

from __future__ import annotations

import datetime
from urllib.parse import urlencode

from oslo_utils import strutils, timeutils

from nova_mini import exception
from nova_mini.api.openstack.request import Request
from nova_mini.api.validation.formats import is_int32
from nova_mini.conf import CONF


def get_limit_and_marker(req: Request) -> tuple[int, str | None]:
    """(maximum number of items in the page, id of the last item of the page before or None). The
    limit is never above ``[api] max_limit``."""
    limit = int(req.query.get("limit") or CONF.api.max_limit)
    return min(limit, CONF.api.max_limit), req.query.get("marker")


def get_changes(req: Request) -> dict[str, datetime.datetime]:
    """The filters ``changes_since`` and ``changes_before`` that the query has: times in UTC,
    without a time zone. Raises InvalidInput if no time can match both."""
    times = {
        name.replace("-", "_"): timeutils.normalize_time(timeutils.parse_isotime(req.query[name]))
        for name in ("changes-since", "changes-before")
        if name in req.query
    }
    if len(times) == 2 and times["changes_since"] > times["changes_before"]:
        raise exception.InvalidInput(
            reason="The value of changes-since must be less than or equal to changes-before."
        )
    return times


def is_true(text: str | bool | None) -> bool:
    return strutils.bool_from_string(text)


def to_id(text: str) -> int | None:
    """The integer id of a record; None if ``text`` is not an integer."""
    return int(text) if is_int32(text) and text.isascii() else None


def isotime(when: datetime.datetime | None) -> str | None:
    """``2026-01-31T12:00:00Z``: how servers, images and keys show times (UTC, whole seconds)."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ") if when else None


def strtime(when: datetime.datetime | None) -> str | None:
    """``2026-01-31T12:00:00.000000``: how services, actions and aggregates show times."""
    return when.strftime("%Y-%m-%dT%H:%M:%S.%f") if when else None


class Links:
    """Links to the items of a collection, with the version and project id of the request's URL."""

    def __init__(self, req: Request, collection: str):
        self._req = req
        self._collection = collection
        version, _, project = req.script_name.strip("/").partition("/")
        host = (CONF.api.compute_link_prefix or req.host_url).rstrip("/")
        project_path = f"/{project}" if project else ""
        self._self = f"{host}/{version}{project_path}/{collection}"
        self._bookmark = f"{host}{project_path}/{collection}"

    def of(self, item_id: str) -> list[dict[str, str]]:
        return [
            {"rel": "self", "href": f"{self._self}/{item_id}"},
            {"rel": "bookmark", "href": f"{self._bookmark}/{item_id}"},
        ]

    def next(self, marker: str, path: str = "") -> list[dict[str, str]]:
        """The link to the page after ``marker``. ``path`` is appended to the collection's URL, for
        example "/detail"."""
        query = [(k, v) for k, v in self._req.query.items() if k != "marker"]
        query.append(("marker", marker))
        return [{"rel": "next", "href": f"{self._self}{path}?{urlencode(query)}"}]
