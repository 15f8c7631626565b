"""What most controllers need: pages, links, times, flags."""

from __future__ import annotations

import datetime
from urllib.parse import urlencode

from oslo_utils import strutils

from nova_mini.api.openstack.request import Request
from nova_mini.api.validation.formats import is_int32
from nova_mini.conf import CONF


def get_limit_and_marker(req: Request) -> tuple[int, str | None]:
    """(items in this page, the last item of the page before); never above ``[api] max_limit``."""
    limit = int(req.query.get("limit") or CONF.api.max_limit)
    return min(limit, CONF.api.max_limit), req.query.get("marker")


def is_true(text: str | bool | None) -> bool:
    return strutils.bool_from_string(text)


def to_id(text: str) -> int | None:
    """The number of a row where the API names it by that; None for what cannot be one."""
    return int(text) if is_int32(text) and text.isascii() else None


def isotime(when: datetime.datetime | None) -> str | None:
    """``2026-01-31T12:00:00Z``: how servers, images and keys show times (UTC, whole seconds)."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ") if when else None


def strtime(when: datetime.datetime | None) -> str | None:
    """``2026-01-31T12:00:00.000000``: how services, actions and aggregates show times."""
    return when.strftime("%Y-%m-%dT%H:%M:%S.%f") if when else None


class Links:
    """Links to the items of a collection, in the form of the request's own URL."""

    def __init__(self, req: Request, collection: str):
        self._req = req
        self._collection = collection
        version, _, project = req.script_name.strip("/").partition("/")
        host = (CONF.api.compute_link_prefix or req.host_url).rstrip("/")
        below = f"/{project}" if project else ""
        self._self = f"{host}/{version}{below}/{collection}"
        self._bookmark = f"{host}{below}/{collection}"

    def of(self, item_id: str) -> list[dict[str, str]]:
        return [
            {"rel": "self", "href": f"{self._self}/{item_id}"},
            {"rel": "bookmark", "href": f"{self._bookmark}/{item_id}"},
        ]

    def next(self, marker: str, path: str = "") -> list[dict[str, str]]:
        """The link to the page after ``marker``; ``path`` is below the collection ("/detail")."""
        query = [(k, v) for k, v in self._req.query.items() if k != "marker"]
        query.append(("marker", marker))
        return [{"rel": "next", "href": f"{self._self}{path}?{urlencode(query)}"}]
