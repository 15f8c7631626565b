"""The part of Cinder that servers need, as a real HTTP server: volumes, snapshots and attachments,
and the actions that Cinder allows in each status."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import uuid

from oslo_utils import timeutils

from tests.unit import rest_server

# Fields of a volume or snapshot whose creation was lost.
LOST = {"status": "creating", "created_at": "2026-01-01T00:00:00.000000"}
FAILURE = {"message": "as the test asked", "code": 500}


class Cinder:
    """``failures``: {(method, pattern of the path): [response, ...]}, each response used once
    instead of the real one. ``seen``: (method, path, headers) of every request."""

    def __init__(self):
        self.volumes: dict[str, dict] = {}
        self.snapshots: dict[str, dict] = {}
        self.attachments: dict[str, dict] = {}
        self.failures: dict[tuple[str, str], list] = {}
        self.lost_responses: list[tuple[str, str]] = []  # done, and the connection broken then
        self.seen: list[tuple[str, str, dict]] = []
        self.new_status = "available"
        self.encryption = {
            "provider": "luks",
            "control_location": "front-end",
            "cipher": "aes-xts-plain64",
            "key_size": 256,
            "encryption_key_id": "00000000-0000-0000-0000-000000000000",
        }
        self.on_reimage = lambda volume: None
        self._ports = itertools.count(3260)

    # -- what tests look at ----------------------------------------------------------------------

    def add_volume(self, **fields) -> str:
        volume_id = str(uuid.uuid4())
        self.volumes[volume_id] = {
            "id": volume_id,
            "status": "available",
            "size": 1,
            "multiattach": False,
            "encrypted": False,
            "bootable": "true",
            "availability_zone": "nova",
            "metadata": {},
            "volume_image_metadata": {},
            "created_at": timeutils.utcnow().isoformat(),
            **fields,
        }
        return volume_id

    def add_snapshot(self, volume_id: str, **fields) -> str:
        snapshot_id = str(uuid.uuid4())
        self.snapshots[snapshot_id] = {
            "id": snapshot_id,
            "status": "available",
            "size": 1,
            "volume_id": volume_id,
            "metadata": {},
            "created_at": timeutils.utcnow().isoformat(),
            **fields,
        }
        return snapshot_id

    def status(self, volume_id: str) -> str:
        return self.volumes[volume_id]["status"]

    def of_instance(self, instance_uuid: str) -> list[dict]:
        return [a for a in self.attachments.values() if a["instance"] == instance_uuid]

    def requests(self) -> list[str]:
        return [f"{method} {_short(path)}" for method, path, _headers in self.seen]

    # -- HTTP ------------------------------------------------------------------------------------

    def respond(self, method, path, query, headers, body):
        path = re.sub(r"^/v3(/project)?", "", path)
        self.seen.append((method, path, headers))
        for (expected, pattern), responses in self.failures.items():
            if expected == method and re.fullmatch(pattern, path) and responses:
                return responses.pop(0)
        response = self._answer(method, path, query, json.loads(body) if body else {})
        for lost in self.lost_responses:
            if lost[0] == method and re.fullmatch(lost[1], path):
                self.lost_responses.remove(lost)
                return rest_server.HANG_UP
        return response

    def _answer(self, method, path, query, body):
        kind, *rest = path.strip("/").split("/")
        handler = getattr(self, f"_{method.lower()}_{kind}")
        try:
            return handler(*rest, query=query, body=body)
        except KeyError:
            return 404, {"itemNotFound": {"message": f"{path} could not be found", "code": 404}}
        except ValueError as exc:
            return 400, {"badRequest": {"message": str(exc), "code": 400}}

    # -- volumes ---------------------------------------------------------------------------------

    def _get_volumes(self, volume_id, part=None, *, query, body):
        if part == "encryption":
            return 200, self.encryption
        if volume_id == "detail":
            expected = _metadata_of(query)
            found = [v for v in self.volumes.values() if expected.items() <= v["metadata"].items()]
            return 200, {"volumes": [self._view(v) for v in found]}
        return 200, {"volume": self._view(self.volumes[volume_id])}

    def _view(self, volume: dict) -> dict:
        attachments = [
            {"server_id": a["instance"], "attachment_id": a["id"], "volume_id": volume["id"]}
            for a in self.attachments.values()
            if a["volume_id"] == volume["id"]
        ]
        return {**volume, "attachments": attachments}

    def _post_volumes(self, volume_id=None, action=None, *, query, body):
        if volume_id is None:
            requested = body["volume"]
            made = self.add_volume(
                size=requested["size"],
                metadata=requested["metadata"],
                status=self.new_status,
                requested=requested,
            )
            return 202, {"volume": self._view(self.volumes[made])}
        volume = self.volumes[volume_id]
        if "os-begin_detaching" in body:
            _require(volume["status"] == "in-use", f"status is {volume['status']}, not in-use")
            if volume.get("migration_status") in (None, "error", "success"):
                volume["status"] = "detaching"
        elif "os-force_delete" in body:
            del self.volumes[volume_id]
        elif "os-roll_detaching" in body and volume["status"] == "detaching":
            volume["status"] = "in-use"
        elif "os-reimage" in body:
            _require(volume["status"] in ("reserved", "error"), f"it is {volume['status']}")
            volume["volume_image_metadata"]["image_id"] = body["os-reimage"]["image_id"]
            self.on_reimage(volume)
        elif "os-migrate_volume_completion" in body:
            return 200, self._complete_migration(volume, **body["os-migrate_volume_completion"])
        return 202, {}

    def _complete_migration(self, volume: dict, new_volume: str, error: bool) -> dict:
        """The new volume gets the id of the old one and keeps its attachment."""
        _require(volume.get("migration_status") == "migrating", "it is not migrating")
        del self.volumes[new_volume]
        volume["migration_status"] = "error" if error else "success"
        if not error:
            volume["status"] = "in-use"
            for attachment in self.attachments.values():
                if attachment["volume_id"] == new_volume:
                    attachment["volume_id"] = volume["id"]
        return {"save_volume_id": volume["id"]}

    def _delete_volumes(self, volume_id, *, query, body):
        status = self.volumes[volume_id]["status"]
        _require(status in ("available", "error"), f"it is {status}")
        del self.volumes[volume_id]
        return 202, {}

    def _get_snapshots(self, snapshot_id, *, query, body):
        if snapshot_id == "detail":
            expected = _metadata_of(query)
            found = self.snapshots.values()
            return 200, {
                "snapshots": [s for s in found if expected.items() <= s["metadata"].items()]
            }
        return 200, {"snapshot": self.snapshots[snapshot_id]}

    def _post_snapshots(self, snapshot_id=None, action=None, *, query, body):
        if "os-force_delete" in body:
            return self._remove_snapshot(snapshot_id)
        if reported := body.get("os-update_snapshot_status"):
            self.snapshots[snapshot_id].update(reported)
            return 202, b""
        requested = body["snapshot"]
        volume = self.volumes[requested["volume_id"]]
        _require(requested["force"] or volume["status"] == "available", "the volume is in use")
        made = self.add_snapshot(
            volume["id"],
            size=volume["size"],
            name=requested["name"],
            metadata=requested["metadata"],
        )
        return 202, {"snapshot": self.snapshots[made]}

    def _delete_snapshots(self, snapshot_id, *, query, body):
        status = self.snapshots[snapshot_id]["status"]
        _require(status in ("available", "error"), f"it is {status}")
        return self._remove_snapshot(snapshot_id)

    def _remove_snapshot(self, snapshot_id):
        del self.snapshots[snapshot_id]
        return 202, b""

    # -- attachments -----------------------------------------------------------------------------

    def _get_attachments(self, attachment_id=None, *, query, body):
        if attachment_id is None:
            if "instance_id" in query:
                return 200, {"attachments": self.of_instance(query["instance_id"][0])}
            return 200, {"attachments": rest_server.page(self.attachments.values(), query)}
        return 200, {"attachment": self.attachments[attachment_id]}

    def _post_attachments(self, attachment_id=None, action=None, *, query, body):
        if attachment_id is not None:
            attachment = self.attachments[attachment_id]
            attachment["status"] = "attached"
            self.volumes[attachment["volume_id"]]["status"] = "in-use"
            return 204, b""
        requested = body["attachment"]
        volume = self.volumes[requested["volume_uuid"]]
        usable = ["available", *(["in-use"] if volume["multiattach"] else [])]
        # A server may reserve again what it has, as a rebuild and a migration do.
        ours = requested["instance_uuid"] in (a["instance"] for a in self._of_volume(volume["id"]))
        _require(ours or volume["status"] in usable, f"the current status is {volume['status']}")
        volume["status"] = volume["status"] if ours else "reserved"
        made = {
            "id": str(uuid.uuid4()),
            "volume_id": volume["id"],
            "status": "reserved",
            "instance": requested["instance_uuid"],
            "connection_info": {},
        }
        self.attachments[made["id"]] = made
        if requested.get("connector"):  # of a second host: the volume stays in use
            status = volume["status"]
            self._connect(made, requested["connector"])
            volume["status"] = status
        return 200, {"attachment": made}

    def _put_attachments(self, attachment_id, *, query, body):
        attachment = self.attachments[attachment_id]
        _require(attachment["status"] != "attached", "it is attached")
        volume = self.volumes[attachment["volume_id"]]
        others = [a for a in self._of_volume(volume["id"]) if a is not attachment]
        is_alone = not any(a["connection_info"] for a in others)
        _require(volume["multiattach"] or is_alone, "duplicate connectors detected")
        self._connect(attachment, body["attachment"]["connector"])
        return 200, {"attachment": attachment}

    def _connect(self, attachment, connector) -> None:
        attachment["status"] = "attaching"
        self.volumes[attachment["volume_id"]]["status"] = "attaching"
        attachment["connector"] = connector
        attachment["connection_info"] = {
            "driver_volume_type": "fake",
            "volume_id": attachment["volume_id"],
            "auth_password": "secret",
            "port": next(self._ports),
        }

    def _delete_attachments(self, attachment_id, *, query, body):
        gone = self.attachments.pop(attachment_id)
        others = self._of_volume(gone["volume_id"])
        states = {"attached": "in-use", "attaching": "attaching", "reserved": "reserved"}
        left = {states[a["status"]] for a in others} or {"available"}
        self.volumes[gone["volume_id"]]["status"] = "in-use" if "in-use" in left else left.pop()
        return 200, {"attachments": others}

    def _of_volume(self, volume_id: str) -> list[dict]:
        return [a for a in self.attachments.values() if a["volume_id"] == volume_id]


def _require(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise ValueError(otherwise)


def _metadata_of(query: dict) -> dict:
    """The filter of a list; empty without one."""
    return json.loads(query.get("metadata", ["{}"])[0].replace("'", '"'))


def _short(path: str) -> str:
    return re.sub(r"/[0-9a-f-]{36}", "/ID", path)


@contextlib.contextmanager
def serving():
    """A new Cinder, to which ``[cinder]`` is set."""
    cinder = Cinder()
    with rest_server.serving("cinder", cinder.respond, "/v3/%(project_id)s"):
        yield cinder
