"""``/servers/{id}/metadata``"""

from __future__ import annotations

from nova_mini import exception
from nova_mini.api import validation
from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.compute.schemas import server_metadata as schema
from nova_mini.api.openstack.compute.server_access import get_instance
from nova_mini.api.openstack.request import Request
from nova_mini.compute.api import API
from nova_mini.objects.instance import Instance
from nova_mini.policies import server_metadata as metadata_policy


class ServerMetadataController(wsgi.Controller):
    def __init__(self) -> None:
        self.compute_api = API()

    def index(self, req: Request, server_id: str) -> dict:
        instance = get_instance(req, server_id, metadata_policy.INDEX)
        return {"metadata": instance.metadata}

    def show(self, req: Request, server_id: str, id: str) -> dict:
        instance = get_instance(req, server_id, metadata_policy.SHOW)
        return {"meta": {id: _item(instance, id)}}

    @validation.schema(schema.create)
    def create(self, req: Request, server_id: str, body: dict) -> dict:
        instance = get_instance(req, server_id, metadata_policy.CREATE)
        return {
            "metadata": self.compute_api.update_metadata(req.context, instance, body["metadata"])
        }

    @validation.schema(schema.update_all)
    def update_all(self, req: Request, server_id: str, body: dict) -> dict:
        instance = get_instance(req, server_id, metadata_policy.UPDATE_ALL)
        metadata = self.compute_api.update_metadata(
            req.context, instance, body["metadata"], replace=True
        )
        return {"metadata": metadata}

    @validation.schema(schema.update)
    def update(self, req: Request, server_id: str, id: str, body: dict) -> dict:
        instance = get_instance(req, server_id, metadata_policy.UPDATE)
        if id not in body["meta"]:
            raise exception.ValidationError(
                detail="Request body and URI mismatch: the key must be the same in both"
            )
        self.compute_api.update_metadata(req.context, instance, body["meta"])
        return {"meta": body["meta"]}

    @wsgi.response(204)
    def delete(self, req: Request, server_id: str, id: str) -> None:
        instance = get_instance(req, server_id, metadata_policy.DELETE)
        _item(instance, id)
        self.compute_api.delete_metadata(req.context, instance, id)


def _item(instance: Instance, key: str) -> str:
    try:
        return instance.metadata[key]
    except KeyError as exc:
        raise exception.NotFound("Metadata item was not found") from exc
