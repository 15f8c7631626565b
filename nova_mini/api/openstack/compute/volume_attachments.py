"""``/servers/{id}/os-volume_attachments``"""

from __future__ import annotations

from nova_mini import exception
from nova_mini.api import validation
from nova_mini.api.openstack import common, wsgi
from nova_mini.api.openstack.compute.schemas import volume_attachments as schema
from nova_mini.api.openstack.compute.server_access import get_instance
from nova_mini.api.openstack.request import Request
from nova_mini.compute.api import API
from nova_mini.compute.requests.volume_request import AttachRequest
from nova_mini.conf import CONF
from nova_mini.objects.block_device_mapping import BlockDeviceMapping, BlockDeviceMappingList
from nova_mini.objects.instance import Instance
from nova_mini.policies import volumes_attachments as va_policy
from nova_mini.states import vm_states


class VolumeAttachmentController(wsgi.Controller):
    def __init__(self) -> None:
        self.compute_api = API()

    @validation.query_schema(schema.index, "2.1", "2.74")
    @validation.query_schema(schema.index_v275, "2.75")
    def index(self, req: Request, server_id: str) -> dict:
        instance = get_instance(req, server_id, va_policy.INDEX)
        bdms = BlockDeviceMappingList.get_by_instance_uuid(req.context, instance.uuid)
        volumes = [bdm for bdm in bdms if bdm.volume_id and _can_be_shown(req, bdm)]
        first = int(req.query.get("offset") or 0)
        limit = min(int(req.query.get("limit") or CONF.api.max_limit), CONF.api.max_limit)
        shown = volumes[first : first + limit]
        return {"volumeAttachments": [_view(req, bdm) for bdm in shown]}

    def show(self, req: Request, server_id: str, id: str) -> dict:
        instance = get_instance(req, server_id, va_policy.SHOW)
        bdm = _get(req, instance, id)
        if not _can_be_shown(req, bdm):
            raise exception.VolumeNotAttached(instance_uuid=instance.uuid, volume_id=id)
        return {"volumeAttachment": _view(req, bdm)}

    @validation.schema(schema.create, "2.1", "2.48")
    @validation.schema(schema.create_v249, "2.49", "2.78")
    @validation.schema(schema.create_v279, "2.79")
    def create(self, req: Request, server_id: str, body: dict) -> dict | wsgi.ResponseObject:
        """Since 2.101 the response has no body: the host chooses the name of the device later."""
        instance = get_instance(req, server_id, va_policy.CREATE)
        _check_shelved(req, instance, "attach_volume")
        requested = body["volumeAttachment"]
        request = AttachRequest(
            volume_id=requested["volumeId"],
            device=requested.get("device"),
            tag=requested.get("tag"),
            delete_on_termination=common.is_true(requested.get("delete_on_termination", False)),
            supports_multiattach=req.api_version >= (2, 60),
            needs_device=req.api_version < (2, 101),
        )
        bdm = self.compute_api.attach_volume(req.context, instance, request)
        if req.api_version >= (2, 101):
            return wsgi.ResponseObject(code=202)
        return {"volumeAttachment": _view_of_new(req, bdm)}

    @wsgi.response(202)
    @validation.schema(schema.update, "2.1", "2.84")
    @validation.schema(schema.update_v285, "2.85")
    def update(self, req: Request, server_id: str, id: str, body: dict) -> None:
        """Swap the volume for the one that the body names. Since 2.85, if that is the same volume:
        change ``delete_on_termination``."""
        requested = body["volumeAttachment"]
        is_swap = requested["volumeId"] != id or req.api_version < (2, 85)
        instance = get_instance(req, server_id, va_policy.SWAP if is_swap else va_policy.UPDATE)
        bdm = _get(req, instance, id)
        if is_swap:
            self.compute_api.check_migration(req.context, bdm.volume_id)
            self.compute_api.swap_volume(
                req.context, instance, bdm.volume_id, requested["volumeId"]
            )
            return
        _check_unchanged(bdm, requested)
        if "delete_on_termination" in requested:
            bdm.delete_on_termination = common.is_true(requested["delete_on_termination"])
            bdm.save()

    @wsgi.response(202)
    def delete(self, req: Request, server_id: str, id: str) -> None:
        instance = get_instance(req, server_id, va_policy.DELETE)
        _check_shelved(req, instance, "detach_volume")
        self.compute_api.detach_volume(req.context, instance, _get(req, instance, id).volume_id)


def _get(req: Request, instance: Instance, volume_id: str) -> BlockDeviceMapping:
    return BlockDeviceMapping.get_by_volume(req.context, instance.uuid, volume_id[:36])


def _check_unchanged(bdm: BlockDeviceMapping, requested: dict) -> None:
    current = {
        "id": bdm.volume_id,
        "serverId": bdm.instance_uuid,
        "device": bdm.device_name,
        "tag": bdm.tag,
    }
    for name, value in current.items():
        if name in requested and requested[name] != value:
            raise exception.InvalidInput(
                reason=f"{name} of an attached volume cannot be changed from {value}"
            )


def _check_shelved(req: Request, instance: Instance, action: str) -> None:
    """Raises InstanceInvalidState for a shelved server before 2.20."""
    shelved = (vm_states.SHELVED, vm_states.SHELVED_OFFLOADED)
    if req.api_version < (2, 20) and instance.vm_state in shelved:
        raise exception.InstanceInvalidState(
            method=action, instance_uuid=instance.uuid, attr="vm_state", state=instance.vm_state
        )


def _can_be_shown(req: Request, bdm: BlockDeviceMapping) -> bool:
    """Since 2.89, a volume is shown only when it has an attachment id, not while it is attached."""
    return req.api_version < (2, 89) or bdm.attachment_id is not None


def _view(req: Request, bdm: BlockDeviceMapping) -> dict:
    view = _common_view(req, bdm)
    if req.api_version >= (2, 89):
        return {**view, "attachment_id": bdm.attachment_id, "bdm_uuid": bdm.uuid}
    return {**view, "id": bdm.volume_id}


def _view_of_new(req: Request, bdm: BlockDeviceMapping) -> dict:
    """The response to a POST, which did not change in 2.89."""
    return {**_common_view(req, bdm), "id": bdm.volume_id}


def _common_view(req: Request, bdm: BlockDeviceMapping) -> dict:
    version = req.api_version
    view = {"serverId": bdm.instance_uuid, "volumeId": bdm.volume_id}
    if bdm.device_name:
        view["device"] = bdm.device_name
    if version >= (2, 70):
        view["tag"] = bdm.tag
    if version >= (2, 79):
        view["delete_on_termination"] = bdm.delete_on_termination
    return view
