"""``/os-assisted-volume-snapshots``: snapshots that Cinder wants a host to make of a volume in a
file, because a server uses the volume."""

from __future__ import annotations

import json

import webob.exc

from nova_mini import policy
from nova_mini.api import validation
from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.compute.schemas import assisted_volume_snapshots as schema
from nova_mini.api.openstack.request import Request
from nova_mini.compute.api import API
from nova_mini.policies import assisted_volume_snapshots as snapshots_policy


class AssistedVolumeSnapshotsController(wsgi.Controller):
    def __init__(self) -> None:
        self.compute_api = API()

    @validation.schema(schema.create)
    def create(self, req: Request, body: dict) -> dict:
        """Cinder reads the outcome in the status of its snapshot."""
        policy.authorize(req.context, snapshots_policy.CREATE)
        requested = body["snapshot"]
        volume_id, wanted = requested["volume_id"], requested["create_info"]
        self.compute_api.create_assisted_snapshot(req.context, volume_id, wanted["snapshot_id"])
        return {"snapshot": {"id": wanted.get("id"), "volumeId": volume_id}}

    @wsgi.response(204)
    @validation.query_schema(schema.delete, "2.1", "2.74")
    @validation.query_schema(schema.delete_v275, "2.75")
    def delete(self, req: Request, id: str) -> None:
        policy.authorize(req.context, snapshots_policy.DELETE)
        volume_id = _volume_of(req.query.get("delete_info") or "")
        self.compute_api.delete_assisted_snapshot(req.context, volume_id, id)


def _volume_of(delete_info: str) -> str:
    """The ID in the query's JSON document. Raises HTTPBadRequest."""
    try:
        volume_id = json.loads(delete_info)["volume_id"]
    except (ValueError, KeyError, TypeError) as exc:
        raise webob.exc.HTTPBadRequest(explanation="delete_info needs a volume_id") from exc
    if not isinstance(volume_id, str):
        raise webob.exc.HTTPBadRequest(explanation="the volume_id of delete_info is a string")
    return volume_id
