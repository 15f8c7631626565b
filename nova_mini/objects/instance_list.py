"""Read-only records of servers, for the API's lists and for GET of one server.

A page of 1000 servers must cost only a few queries, so these are plain rows and no versioned
objects.
"""

from __future__ import annotations

import datetime
import functools
import json
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import orjson

from nova_mini import db
from nova_mini.clock import utcnow
from nova_mini.conf import CONF
from nova_mini.guest_options.image_options import is_shown
from nova_mini.objects import instance_filters
from nova_mini.objects.image_meta import REQUESTED_IMAGE, SYSTEM_METADATA_PREFIX

# What a caller can request in addition.
TAGS = "tags"
FAULTS = "faults"
VOLUMES = "volumes"
HOST_STATUS = "host_status"
ATTRIBUTES = "attributes"
IMAGE_PROPERTIES = "image_properties"
SCHEDULER_HINTS = "scheduler_hints"

Sort = Sequence[tuple[str, str]]  # (column, "asc" or "desc"); the last column is unique
DEFAULT_SORT: Sort = (("created_at", "desc"), ("id", "desc"))

_BRIEF = ("uuid", "display_name")
_COLUMNS = (
    "uuid",
    "deleted",
    "created_at",
    "updated_at",
    "project_id",
    "user_id",
    "display_name",
    "display_description",
    "flavor",
    "image_ref",
    "key_name",
    "config_drive",
    "auto_disk_config",
    "access_ip_v4",
    "access_ip_v6",
    "metadata",
    "network_info",
    "vm_state",
    "task_state",
    "power_state",
    "progress",
    "locked",
    "locked_reason",
    "launched_at",
    "terminated_at",
    "availability_zone",
    "pinned_availability_zone",
    "host",
)
_ATTRIBUTES = (
    "id",
    "hostname",
    "reservation_id",
    "launch_index",
    "kernel_id",
    "ramdisk_id",
    "root_device_name",
    "node",
    "user_data",
)
_BATCH = 500  # rows of one query, when they must be filtered here: see instance_filters


class ServerRecord:
    """The columns of a row as attributes, with the names of ``objects.Instance``.

    In addition, if requested: the columns for administrators (``ATTRIBUTES``), ``host_status``,
    ``tags`` [str], ``fault`` (a row or None), ``volumes`` [(volume ID, delete_on_termination)],
    ``scheduler_hints`` {name: value}, ``image_properties`` {name: value}.
    Of :func:`get_one` only: ``server_group``, the UUID of its server group or None.
    """

    tags: list[str] = []
    fault: Mapping[str, Any] | None = None
    volumes: list[tuple[str, bool]] = []
    requested_image: str | None = None
    server_group: str | None = None
    scheduler_hints: Mapping[str, Any] = MappingProxyType({})

    if TYPE_CHECKING:  # the columns

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, row: Any):
        self.__dict__.update(row._mapping)

    @property
    def name(self) -> str:
        return f"instance-{self.id:08x}"

    @property
    def image(self) -> str | None:
        """The ID of the image of the request for the server, also if its root disk is a volume."""
        return self.image_ref or self.requested_image

    @property
    def image_properties(self) -> dict[str, str]:
        """The properties of the server's image that Nova defines, at the time of its build."""
        return {
            name: value
            for key, value in self.system_metadata.items()
            if is_shown(name := key.removeprefix(SYSTEM_METADATA_PREFIX)) and name != key
        }

    @property
    def flavor_fields(self) -> dict[str, Any]:
        """The stored flavor. The dict is shared by several servers: do not change it."""
        return _parsed(self.flavor)

    @functools.cached_property
    def vifs(self) -> list[dict[str, Any]]:
        """``network.model.VIF.to_dict()`` of each interface."""
        return orjson.loads(self.network_info) if self.network_info != "[]" else []

    @property
    def host_status(self) -> str:
        """UP, DOWN (forced down), MAINTENANCE (disabled), UNKNOWN (no heartbeats, or its hypervisor
        does not answer), "" (no host)."""
        if self.service_forced_down is None:
            return ""
        if self.service_forced_down:
            return "DOWN"
        if self.service_disabled:
            return "MAINTENANCE"
        oldest = utcnow() - datetime.timedelta(seconds=CONF.service_down_time)
        is_alive = self.service_last_seen_up >= oldest
        return "UP" if self.service_available and is_alive else "UNKNOWN"


@functools.lru_cache(maxsize=256)
def _parsed(flavor: str) -> dict[str, Any]:
    return json.loads(flavor)


def get_brief_page(
    filters: Mapping[str, Any],
    *,
    limit: int | None = None,
    marker: str | None = None,
    sort: Sort = DEFAULT_SORT,
) -> list[ServerRecord]:
    """As :func:`get_page`, but only with ``uuid`` and ``display_name``."""
    return _select(_BRIEF, filters, limit, marker, sort, with_service=False)


def get_page(
    filters: Mapping[str, Any],
    *,
    limit: int | None = None,
    marker: str | None = None,
    sort: Sort = DEFAULT_SORT,
    include: Collection[str] = (),
) -> list[ServerRecord]:
    """One page of the servers that match: at most ``limit`` after the server ``marker`` (a UUID).

    ``filters``: see ``instance_filters.split``. ``include``: what to load in addition, of TAGS,
    FAULTS, VOLUMES, HOST_STATUS, ATTRIBUTES, IMAGE_PROPERTIES and SCHEDULER_HINTS. A page costs one
    query for the rows, and one each for tags, faults, volumes and hints. Raises MarkerNotFound.
    """
    with db.session.reader():
        found = _select(_columns(include), filters, limit, marker, sort, HOST_STATUS in include)
        if found:
            _load_related(found, include)
    return found


def get_one(uuid: str, include: Collection[str] = ()) -> ServerRecord | None:
    """One server, deleted or not; None if there is none. ``include``: see :func:`get_page`."""
    with db.session.reader():
        row = db.instance_list.get_one(_columns(include), uuid, HOST_STATUS in include)
        if row is None:
            return None
        record = ServerRecord(row)
        exists = {TAGS: record.has_tags, VOLUMES: record.has_volumes}
        _load_related([record], [kind for kind in include if exists.get(kind, True)])
    return record


def _columns(include: Collection[str]) -> tuple[str, ...]:
    attributes = _ATTRIBUTES if ATTRIBUTES in include else ()
    return (*_COLUMNS, *attributes, *(["system_metadata"] if IMAGE_PROPERTIES in include else []))


def _select(
    columns: Sequence[str],
    filters: Mapping[str, Any],
    limit: int | None,
    marker: str | None,
    sort: Sort,
    with_service: bool,
) -> list[ServerRecord]:
    split = instance_filters.split(filters)
    if not split.checks:
        rows = db.instance_list.get_page(columns, split.filters, sort, limit, marker, with_service)
        return [ServerRecord(row) for row in rows]
    found: list[ServerRecord] = []
    while True:
        rows = db.instance_list.get_page(
            ("uuid", *split.columns), split.filters, sort, _BATCH, marker
        )
        uuids = [row.uuid for row in rows if split.matches(row)]
        if uuids:
            matching = db.instance_list.get_page(
                columns, {"uuid": uuids}, sort, None, None, with_service
            )
            found += map(ServerRecord, matching)
        if len(rows) < _BATCH or (limit is not None and len(found) >= limit):
            return found[:limit]
        marker = rows[-1].uuid


def _load_related(found: list[ServerRecord], include: Collection[str]) -> None:
    """Load tags, volumes and faults from their tables, and images of volume-backed servers."""
    uuids = [record.uuid for record in found]
    if volume_backed := [record.uuid for record in found if not record.image_ref]:
        metadata = db.instance_list.get_system_metadata(volume_backed)
        for record in found:
            record.requested_image = metadata.get(record.uuid, {}).get(REQUESTED_IMAGE)
    if TAGS in include:
        tags = db.instance_tags.get_tags(uuids)
        for record in found:
            record.tags = tags.get(record.uuid, [])
    if VOLUMES in include:
        volumes = db.instance_list.get_volumes(uuids)
        for record in found:
            record.volumes = volumes.get(record.uuid, [])
    if SCHEDULER_HINTS in include:
        hints = db.request_specs.get_scheduler_hints(uuids)
        for record in found:
            record.scheduler_hints = hints.get(record.uuid, {})
    failed = [record.uuid for record in found if record.vm_state == "error" or record.deleted]
    if FAULTS in include and failed:
        faults = db.instance_faults.get_latest_faults(failed)
        for record in found:
            record.fault = faults.get(record.uuid)
