"""Servers as they are shown: read-only records for lists and for one.

A page of a thousand must cost a few queries and as many plain dicts, so these are the rows
themselves, with what stands beside them, and no versioned objects.
"""

from __future__ import annotations

import datetime
import functools
import json
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

import orjson

from nova_mini import db
from nova_mini.conf import CONF
from nova_mini.objects.base import utcnow

# What a caller can ask for beside what every server shows.
TAGS = "tags"
FAULTS = "faults"
VOLUMES = "volumes"
HOST_STATUS = "host_status"
ATTRIBUTES = "attributes"

DEFAULT_SORT = (("created_at", "desc"), ("id", "desc"))

_BRIEF = ("uuid", "display_name")
_COLUMNS = (
    "uuid", "deleted", "created_at", "updated_at", "project_id", "user_id", "display_name",
    "display_description", "flavor", "image_ref", "key_name", "config_drive", "auto_disk_config",
    "access_ip_v4", "access_ip_v6", "metadata", "network_info", "vm_state", "task_state",
    "power_state", "progress", "locked", "locked_reason", "launched_at", "terminated_at",
    "availability_zone", "pinned_availability_zone", "host",
)  # fmt: skip
_ATTRIBUTES = (
    "id", "hostname", "reservation_id", "launch_index", "kernel_id", "ramdisk_id",
    "root_device_name", "node", "user_data",
)  # fmt: skip
_BATCH = 500  # rows looked at in one go where a filter is not the database's


class ServerRecord:
    """A row's columns as attributes, as ``objects.Instance`` has them.

    Besides, when asked for: what administrators see (``ATTRIBUTES``), ``host_status``, ``tags``
    [str], ``fault`` (a row or None), ``volumes`` [(volume id, delete_on_termination)].
    """

    tags: list[str] = []
    fault: Mapping | None = None
    volumes: list[tuple[str, bool]] = []

    def __init__(self, row):
        self.__dict__.update(row._mapping)

    @property
    def name(self) -> str:
        return f"instance-{self.id:08x}"

    @property
    def flavor_fields(self) -> dict:
        """Shared by the servers of a flavor: not to be changed."""
        return _parsed(self.flavor)

    @functools.cached_property
    def vifs(self) -> list[dict]:
        """``network.model.VIF.to_dict()`` of each interface."""
        return orjson.loads(self.network_info) if self.network_info != "[]" else []

    @property
    def host_status(self) -> str:
        """UP, DOWN (forced), MAINTENANCE (disabled), UNKNOWN (silent); "" where it has no host."""
        if self.service_forced_down is None:
            return ""
        if self.service_forced_down:
            return "DOWN"
        if self.service_disabled:
            return "MAINTENANCE"
        silent_since = utcnow() - datetime.timedelta(seconds=CONF.service_down_time)
        last_seen = self.service_last_seen_up
        return "UP" if self.service_available and last_seen >= silent_since else "UNKNOWN"


@functools.lru_cache(maxsize=256)
def _parsed(flavor: str) -> dict:
    return json.loads(flavor)


def get_brief_page(filters, *, limit=None, marker=None, sort=DEFAULT_SORT) -> list[ServerRecord]:
    """Servers with nothing but ``uuid`` and ``display_name``; else as :func:`get_page`."""
    return _select(_BRIEF, filters, limit, marker, sort, with_service=False)


def get_page(
    filters: Mapping[str, Any],
    *,
    limit: int | None = None,
    marker: str | None = None,
    sort=DEFAULT_SORT,
    want: Collection[str] = (),
) -> list[ServerRecord]:
    """The servers that match, in order, at most ``limit`` from behind ``marker`` (a uuid).

    ``filters``: names of ``db.instance_list.FILTERS``, and ``ip``, ``ip6`` (regular expressions).
    ``want``: what to load besides, of TAGS, FAULTS, ... above. However long the page is, this is
    one query for the rows and one for each of tags, faults and volumes. Raises MarkerNotFound.
    """
    columns = (*_COLUMNS, *_ATTRIBUTES) if ATTRIBUTES in want else _COLUMNS
    with db.session.reader():
        found = _select(columns, filters, limit, marker, sort, HOST_STATUS in want)
        if found:
            _load_beside(found, want)
    return found


def get_one(uuid: str, want: Collection[str] = ()) -> ServerRecord | None:
    """One server, deleted or not, with what ``want`` says; as :func:`get_page`."""
    columns = (*_COLUMNS, *_ATTRIBUTES) if ATTRIBUTES in want else _COLUMNS
    with db.session.reader():
        row = db.instance_list.get_one(columns, uuid, HOST_STATUS in want)
        if row is None:
            return None
        record = ServerRecord(row)
        is_there = {TAGS: record.has_tags, VOLUMES: record.has_volumes}
        _load_beside([record], [what for what in want if is_there.get(what, True)])
    return record


def _select(columns, filters, limit, marker, sort, with_service) -> list[ServerRecord]:
    filters, address_matches = _address_filter(filters)
    if address_matches is None:
        rows = db.instance_list.get_page(columns, filters, sort, limit, marker, with_service)
        return [ServerRecord(row) for row in rows]
    found: list[ServerRecord] = []
    columns = (*dict.fromkeys((*columns, "network_info")),)
    while True:
        rows = db.instance_list.get_page(columns, filters, sort, _BATCH, marker, with_service)
        found += filter(address_matches, map(ServerRecord, rows))
        if len(rows) < _BATCH or (limit is not None and len(found) >= limit):
            return found[:limit]
        marker = rows[-1].uuid


def _address_filter(filters) -> tuple[Mapping, Callable[[ServerRecord], bool] | None]:
    """The filters for the database, and the one for addresses, which are inside a column."""
    patterns = {
        version: re.compile(filters[name])
        for name, version in (("ip", 4), ("ip6", 6))
        if name in filters
    }
    if not patterns:
        return filters, None
    others = {name: value for name, value in filters.items() if name not in ("ip", "ip6")}

    def matches(record: ServerRecord) -> bool:
        addresses = list(addresses_of(record.vifs))
        return all(
            any(version == v and pattern.search(address) for v, address in addresses)
            for version, pattern in patterns.items()
        )

    return {**others, "has_addresses": True}, matches


def addresses_of(vifs: list[dict]):
    """(version, address) of every fixed and floating address."""
    for vif in vifs:
        for subnet in vif["network"]["subnets"]:
            for ip in subnet["ips"]:
                yield ip["version"], ip["address"]
                for floating in ip["floating_ips"]:
                    yield 4, floating


def _load_beside(found: list[ServerRecord], want: Collection[str]) -> None:
    uuids = [record.uuid for record in found]
    if TAGS in want:
        tags = db.instances.get_tags(uuids)
        for record in found:
            record.tags = tags.get(record.uuid, [])
    if VOLUMES in want:
        volumes = db.instance_list.get_volumes(uuids)
        for record in found:
            record.volumes = volumes.get(record.uuid, [])
    failed = [record.uuid for record in found if record.vm_state == "error" or record.deleted]
    if FAULTS in want and failed:
        faults = db.instances.get_latest_faults(failed)
        for record in found:
            record.fault = faults.get(record.uuid)
