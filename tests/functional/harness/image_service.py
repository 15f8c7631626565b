"""A stand-in for Glance's REST API, with records and data in memory.

A request with a token of ``identity_service`` does not see private images of other projects. A
request without a token is of a service, and sees all images.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import threading
import uuid
from collections.abc import Iterator

from tests.functional.harness import identity_service
from tests.unit.rest_server import running as serving

_LIST_OPTIONS = ("status", "limit", "sort_key", "sort_dir")


class ImageService:
    """The daemons use it at ``url``."""

    def __init__(self):
        self.url = ""
        self._lock = threading.Lock()
        self._records: dict[str, dict] = {}
        self._data: dict[str, bytes] = {}

    def add(self, **fields) -> str:
        """Add an active raw image. ``fields`` override the defaults. Return its ID."""
        data = b"an image"
        record = {
            "id": str(uuid.uuid4()),
            "name": "tiny",
            "status": "active",
            "visibility": "public",
            "owner": "admin",
            "disk_format": "raw",
            "container_format": "bare",
            "min_ram": 0,
            "min_disk": 0,
            "protected": False,
            "tags": [],
            "size": len(data),
            "os_hash_algo": "sha512",
            "os_hash_value": hashlib.sha512(data).hexdigest(),
            "checksum": hashlib.md5(data, usedforsecurity=False).hexdigest(),
            "created_at": "2026-01-01T00:00:00Z",
            "updated_at": "2026-01-01T00:00:00Z",
            **fields,
        }
        with self._lock:
            self._records[record["id"]] = record
            self._data[record["id"]] = data
        return record["id"]

    def remove(self, image_id: str) -> None:
        with self._lock:
            del self._records[image_id], self._data[image_id]

    def get(self, image_id: str) -> dict:
        with self._lock:
            return dict(self._records[image_id])

    def ids(self) -> set[str]:
        with self._lock:
            return set(self._records)

    def names(self, status: str) -> dict[str, str]:
        """id -> name of the images with this status."""
        with self._lock:
            return {r["id"]: r["name"] for r in self._records.values() if r["status"] == status}

    # -- the REST API ------------------------------------------------------------------------

    def respond(self, method, path, query, headers, body):
        parts = path.strip("/").split("/")[2:]  # after /v2/images
        with self._lock:
            if not parts:
                return (
                    self._create(json.loads(body))
                    if method == "POST"
                    else self._list(query, headers)
                )
            record = self._records.get(parts[0])
            if record is None or not _is_visible(record, identity_service.project_of(headers)):
                return 404, {"message": f"No image with the id {parts[0]}"}
            if parts[1:] == ["file"]:
                return self._file(method, record, body)
            if method == "PATCH":
                self._patch(record, json.loads(body))
            elif method == "DELETE":
                del self._records[record["id"]], self._data[record["id"]]
                return 204, b""
            return 200, record

    def _list(self, query: dict, headers: dict):
        project = identity_service.project_of(headers)
        statuses = query.get("status", ["active"])[0].removeprefix("in:").split(",")
        others = {k: v[0] for k, v in query.items() if k not in _LIST_OPTIONS}
        found = [
            record
            for record in self._records.values()
            if record["status"] in statuses
            and others.items() <= record.items()
            and _is_visible(record, project)
        ]
        newest_first = sorted(found, key=lambda record: record["created_at"], reverse=True)
        return 200, {"images": newest_first}

    def _create(self, fields: dict):
        if fields["id"] in self._records:
            return 409, {"message": "exists"}
        record = {
            "status": "queued",
            "visibility": "private",
            "size": None,
            "tags": [],
            "created_at": datetime.datetime.now(datetime.UTC).isoformat(),
            **fields,
        }
        self._records[record["id"]] = record
        self._data[record["id"]] = b""
        return 201, record

    def _patch(self, record: dict, steps: list[dict]) -> None:
        for each in steps:
            name = each["path"].lstrip("/")
            if each["op"] == "remove":
                record.pop(name, None)
            else:
                record[name] = each["value"]

    def _file(self, method: str, record: dict, body: bytes):
        if method == "GET":
            return 200, self._data[record["id"]]
        self._data[record["id"]] = body
        record |= {"status": "active", "size": len(body)}
        return 204, b""


def _is_visible(record: dict, project: str | None) -> bool:
    public = record["visibility"] == "public"
    return public or project is None or record.get("owner") == project


@contextlib.contextmanager
def running() -> Iterator[ImageService]:
    service = ImageService()
    with serving(service.respond) as url:
        service.url = url
        yield service
