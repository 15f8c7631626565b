"""Filters of server lists that the database cannot evaluate exactly.

Regular expressions (see ``patterns``) and values inside JSON columns are matched here. Where
possible, the database gets a LIKE pattern that excludes most of the other rows.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from nova_mini import patterns
from nova_mini.objects.image_meta import REQUESTED_IMAGE

#: Columns with a filter of the same name, which is a regular expression.
TEXTS = ("display_name", "hostname", "display_description")
_ADDRESSES = {"ip": 4, "ip6": 6}
_METADATA = "metadata"
_IMAGE = "image_ref"

Matches = Callable[[Any], bool]


@dataclasses.dataclass(slots=True)
class Split:
    """``filters`` are for the database (names of ``db.instance_list.FILTERS``). A row that the
    database returns matches if all ``checks`` are true. They read its ``columns``."""

    filters: dict[str, Any]
    columns: list[str] = dataclasses.field(default_factory=list)
    checks: list[Matches] = dataclasses.field(default_factory=list)

    def matches(self, row: Any) -> bool:
        return all(check(row) for check in self.checks)

    def add(self, column: str, like: str | None, check: Matches) -> None:
        self.columns.append(column)
        self.checks.append(check)
        if like is not None:
            self.filters[f"{column}-like"] = like


def split(filters: Mapping[str, Any]) -> Split:
    """``filters``: those of ``db.instance_list.FILTERS``, and

    - ``display_name``, ``hostname``, ``display_description``: a regular expression;
    - ``ip``, ``ip6``: a regular expression that a fixed or floating address must match;
    - ``metadata``: a dict of items that the server must have;
    - ``image_ref``: the image of the request for the server, also if its root disk is a volume.
    """
    matched_here = (*TEXTS, *_ADDRESSES, _METADATA, _IMAGE)
    found = Split({name: value for name, value in filters.items() if name not in matched_here})
    for name in filters:
        if name in TEXTS:
            _add_text(found, name, filters[name])
        elif name in _ADDRESSES:
            _add_address(found, _ADDRESSES[name], filters[name])
        elif name == _METADATA:
            _add_metadata(found, filters[name])
        elif name == _IMAGE:
            found.filters["image"] = (filters[name], _item({REQUESTED_IMAGE: filters[name]}))
    return found


def _add_text(found: Split, column: str, expression: str) -> None:
    matches = patterns.matcher(expression)
    found.add(column, patterns.like(expression), lambda row: matches(getattr(row, column)))


def _add_address(found: Split, version: int, expression: str) -> None:
    matches = patterns.matcher(expression)

    def check(row: Any) -> bool:
        addresses = addresses_of(orjson.loads(row.network_info))
        return any(version == v and matches(address) for v, address in addresses)

    found.filters["has_addresses"] = True
    found.add("network_info", patterns.like(expression, inside=True), check)


def _add_metadata(found: Split, items: dict[str, str]) -> None:
    for key, value in items.items():
        found.add(
            _METADATA,
            patterns.like_containing(_item({key: value})),
            functools.partial(_has_metadata, key, value),
        )


def _has_metadata(key: str, value: str, row: Any) -> bool:
    return row.metadata.get(key) == value


def _item(item: dict[str, str]) -> str:
    """One item as a part of the JSON text of a column."""
    return json.dumps(item, separators=(",", ":"))[1:-1]


def addresses_of(vifs: list[dict[str, Any]]) -> Iterator[tuple[int, str]]:
    """(IP version, address) of every fixed and floating address. ``vifs``: VIF.to_dict()."""
    for vif in vifs:
        for subnet in vif["network"]["subnets"]:
            for ip in subnet["ips"]:
                yield ip["version"], ip["address"]
                for floating in ip["floating_ips"]:
                    yield 4, floating
