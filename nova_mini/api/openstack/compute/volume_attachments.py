"""``/servers/{id}/os-volume_attachments``"""

from __future__ import annotations

from nova_mini import exception
from nova_mini.api import validation
from nova_mini.api.openstack import common, wsgi
from nova_mini.api.openstack.compute.schemas import volume_attachments as schema
from nova_mini.api.openstack.compute.server_access import get_instance
from nova_mini.compute.api import API
from nova_mini.compute.volume_request import AttachRequest
from nova_mini.conf import CONF
from nova_mini.objects.block_device_mapping import BlockDeviceMapping, BlockDeviceMappingList
from nova_mini.policies import volumes_attachments as va_policy


class VolumeAttachmentController(wsgi.Controller):
    def __init__(self):
        self.compute_api = API()

    @validation.query_schema(schema.index, "2.1", "2.74")
    @validation.query_schema(schema.index_v275, "2.75")
    def index(self, req, server_id):
        instance = get_instance(req, server_id, va_policy.INDEX)
        bdms = BlockDeviceMappingList.get_by_instance_uuid(req.context, instance.uuid)
        volumes = [bdm for bdm in bdms if bdm.volume_id]
        first = int(req.query.get("offset") or 0)
        limit = min(int(req.query.get("limit") or CONF.api.max_limit), CONF.api.max_limit)
        shown = volumes[first : first + limit]
        return {"volumeAttachments": [_view(req, bdm) for bdm in shown]}

    def show(self, req, server_id, id):
        instance = get_instance(req, server_id, va_policy.SHOW)
        return {"volumeAttachment": _view(req, _get(req, instance, id))}

    @validation.schema(schema.create, "2.1", "2.48")
    @validation.schema(schema.create_v249, "2.49", "2.78")
    @validation.schema(schema.create_v279, "2.79")
    def create(self, req, server_id, body):
        instance = get_instance(req, server_id, va_policy.CREATE)
        asked = body["volumeAttachment"]
        request = AttachRequest(
            volume_id=asked["volumeId"],
            device=asked.get("device"),
            tag=asked.get("tag"),
            delete_on_termination=common.is_true(asked.get("delete_on_termination", False)),
            supports_multiattach=req.api_version >= (2, 60),
        )
        bdm = self.compute_api.attach_volume(req.context, instance, request)
        return {"volumeAttachment": _view(req, bdm)}

    @wsgi.response(202)
    @validation.schema(schema.update, "2.1", "2.84")
    @validation.schema(schema.update_v285, "2.85")
    def update(self, req, server_id, id, body):
        """With another volume: it takes the place of this one. With the same, since 2.85: what is
        said of it now."""
        asked = body["volumeAttachment"]
        is_swap = asked["volumeId"] != id or req.api_version < (2, 85)
        instance = get_instance(req, server_id, va_policy.SWAP if is_swap else va_policy.UPDATE)
        bdm = _get(req, instance, id)
        if is_swap:
            self.compute_api.swap_volume(req.context, instance, bdm.volume_id, asked["volumeId"])
            return
        _check_unchanged(bdm, asked)
        if "delete_on_termination" in asked:
            bdm.delete_on_termination = common.is_true(asked["delete_on_termination"])
            bdm.save()

    @wsgi.response(202)
    def delete(self, req, server_id, id):
        instance = get_instance(req, server_id, va_policy.DELETE)
        self.compute_api.detach_volume(req.context, instance, _get(req, instance, id).volume_id)


def _get(req, instance, volume_id: str) -> BlockDeviceMapping:
    return BlockDeviceMapping.get_by_volume(req.context, instance.uuid, volume_id[:36])


def _check_unchanged(bdm: BlockDeviceMapping, asked: dict) -> None:
    present = {
        "id": bdm.volume_id,
        "serverId": bdm.instance_uuid,
        "device": bdm.device_name,
        "tag": bdm.tag,
    }
    for name, value in present.items():
        if name in asked and asked[name] != value:
            raise exception.InvalidInput(
                reason=f"{name} of an attached volume cannot be changed; it is {value}"
            )


def _view(req, bdm: BlockDeviceMapping) -> dict:
    version = req.api_version
    view = {"serverId": bdm.instance_uuid, "volumeId": bdm.volume_id}
    if bdm.device_name:
        view["device"] = bdm.device_name
    if version >= (2, 70):
        view["tag"] = bdm.tag
    if version >= (2, 79):
        view["delete_on_termination"] = bdm.delete_on_termination
    if version >= (2, 89):
        view["attachment_id"] = bdm.attachment_id
        view["bdm_uuid"] = bdm.uuid
    else:
        view["id"] = bdm.volume_id
    return view
