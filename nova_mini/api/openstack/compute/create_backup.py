"""``POST /servers/{id}/action``: createBackup."""

from __future__ import annotations

from nova_mini.api import validation
from nova_mini.api.openstack import common, wsgi
from nova_mini.api.openstack.compute.schemas import create_backup as schema
from nova_mini.api.openstack.compute.server_access import get_instance
from nova_mini.api.openstack.request import Request
from nova_mini.compute.api import API
from nova_mini.policies import create_backup as backup_policy


class CreateBackupController(wsgi.Controller):
    def __init__(self) -> None:
        self.compute_api = API()

    @wsgi.action("createBackup")
    @wsgi.response(202)
    @validation.schema(schema.create_backup)
    def create_backup(self, req: Request, id: str, body: dict) -> dict | wsgi.ResponseObject:
        requested = body["createBackup"]
        instance = get_instance(req, id, backup_policy.CREATE)
        rotation = int(requested["rotation"])
        image_id = self.compute_api.backup(
            req.context,
            instance,
            requested["name"],
            requested["backup_type"],
            rotation,
            requested.get("metadata", {}),
        )
        if req.api_version >= (2, 45):
            return {"image_id": image_id}
        if not rotation:  # the image is deleted as soon as it is made
            return wsgi.ResponseObject()
        location = common.Links(req, "images").of(image_id)[1]["href"]
        return wsgi.ResponseObject(headers={"Location": location})
