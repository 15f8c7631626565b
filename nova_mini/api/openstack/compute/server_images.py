"""``POST /servers/{id}/action``: rebuild from an image, and createImage."""

from __future__ import annotations

from nova_mini import policy
from nova_mini.api import validation
from nova_mini.api.openstack import common, wsgi
from nova_mini.api.openstack.compute import server_body
from nova_mini.api.openstack.compute.schemas import server_actions as action_schema
from nova_mini.api.openstack.compute.schemas import servers as schema
from nova_mini.api.openstack.compute.server_access import get_instance, get_record, target_of
from nova_mini.api.openstack.compute.views.servers import ViewBuilder
from nova_mini.api.openstack.request import Request
from nova_mini.compute.api import API
from nova_mini.conf import CONF
from nova_mini.objects import instance_list
from nova_mini.policies import servers as server_policy


class ServerImagesController(wsgi.Controller):
    def __init__(self) -> None:
        self.compute_api = API()

    @wsgi.action("rebuild")
    @wsgi.response(202)
    @validation.schema(schema.rebuild, "2.1", "2.18")
    @validation.schema(schema.rebuild_v219, "2.19", "2.53")
    @validation.schema(schema.rebuild_v254, "2.54", "2.56")
    @validation.schema(schema.rebuild_v257, "2.57", "2.62")
    @validation.schema(schema.rebuild_v263, "2.63", "2.89")
    @validation.schema(schema.rebuild_v290, "2.90", "2.93")
    @validation.schema(schema.rebuild_v294, "2.94")
    def rebuild(self, req: Request, id: str, body: dict) -> wsgi.ResponseObject:
        instance = get_instance(req, id, server_policy.REBUILD)
        if not instance.root_gb:
            policy.authorize(
                req.context, server_policy.CREATE_ZERO_DISK_FLAVOR, target_of(instance)
            )
        request = server_body.rebuild_request(req, body["rebuild"])
        self.compute_api.rebuild(req.context, instance, request)
        server = self._show(req, id)
        if CONF.api.enable_instance_password:
            server["adminPass"] = request.admin_password
        location = server["links"][0]["href"]
        return wsgi.ResponseObject({"server": server}, headers={"Location": location})

    def _show(self, req: Request, id: str) -> dict:
        """As in the response to PUT, with key_name and user_data, which have no prefix here."""
        view = ViewBuilder(req, brief=True)
        include = view.include | {instance_list.ATTRIBUTES}
        record = get_record(req, id, server_policy.REBUILD, include=include)
        server = view.show(record)
        if req.api_version >= (2, 54):
            server["key_name"] = record.key_name
        if req.api_version >= (2, 57):
            server["user_data"] = record.user_data
            server.pop("OS-EXT-SRV-ATTR:user_data", None)
        return server

    @wsgi.action("createImage")
    @wsgi.response(202)
    @validation.schema(action_schema.create_image)
    def create_image(self, req: Request, id: str, body: dict) -> dict | wsgi.ResponseObject:
        requested = body["createImage"]
        instance = get_instance(req, id, server_policy.CREATE_IMAGE)
        if instance.is_volume_backed:
            rule = server_policy.CREATE_IMAGE_VOLUME_BACKED
            policy.authorize(req.context, rule, target_of(instance))
        image_id = self.compute_api.snapshot(
            req.context, instance, requested["name"], requested.get("metadata", {})
        )
        if req.api_version >= (2, 45):
            return {"image_id": image_id}
        location = common.Links(req, "images").of(image_id)[1]["href"]
        return wsgi.ResponseObject(headers={"Location": location})
