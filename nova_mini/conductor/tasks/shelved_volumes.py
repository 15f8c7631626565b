"""Attach and detach volumes of servers that are on no host.

Such a volume is only reserved in Cinder; a host connects it when the server is unshelved.
"""

from __future__ import annotations

from collections.abc import Callable

from nova_mini import exception
from nova_mini.actions import operations
from nova_mini.actions.claims import ClaimedAction
from nova_mini.actions.registry import Operation
from nova_mini.context import RequestContext
from nova_mini.notifications import notify_about_instance_usage
from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from nova_mini.objects.instance import Instance
from nova_mini.rpcapi import compute as compute_rpcapi
from nova_mini.volume import cinder


def attach_volumes(context: RequestContext, actions: list[ClaimedAction]) -> None:
    """Run claimed attach actions. If the API died before it reserved the volume, release it."""
    _do(context, actions, operations.HOST_ATTACH_VOLUME, _attach)


def detach_volumes(context: RequestContext, actions: list[ClaimedAction]) -> None:
    _do(context, actions, operations.HOST_DETACH_VOLUME, _detach)


def _do(
    context: RequestContext,
    actions: list[ClaimedAction],
    at_host: Operation,
    work: Callable[[RequestContext, ClaimedAction], None],
) -> None:
    """Run claimed actions. ``at_host`` is the operation for a server that came to a host since the
    request."""
    for action in actions:
        try:
            if action.instance.host:
                _send_to_host(action, at_host)
            else:
                work(context, action)
                action.finish(saves_instance=False)
        except Exception as exc:  # continue with the others
            action.requeue(exc)


def _send_to_host(action: ClaimedAction, at_host: Operation) -> None:
    host = action.instance.host
    if action.hand_over(at_host, host, action.parameters, saves_instance=False):
        compute_rpcapi.ComputeAPI().send(action.context, action.record)


def _attach(context: RequestContext, action: ClaimedAction) -> None:
    bdm = BlockDeviceMapping.get_by_uuid(context, action.parameters.bdm_uuid)
    if bdm is None:  # removed by the API, or detached since
        return
    if bdm.attachment_id is None:
        if action.is_first_attempt:
            raise exception.ActionInterrupted(reason="the volume is not reserved yet")
        _release(context, action.instance, bdm)
        return
    _notify(context, action.instance, "volume.attach", bdm)


def _detach(context: RequestContext, action: ClaimedAction) -> None:
    bdm = BlockDeviceMapping.get_by_uuid(context, action.parameters.bdm_uuid)
    if bdm is not None:
        _release(context, action.instance, bdm)
        _notify(context, action.instance, "volume.detach", bdm)


def _release(context: RequestContext, instance: Instance, bdm: BlockDeviceMapping) -> None:
    """Delete the attachments of the volume to the server in Cinder, then the mapping."""
    volume_api = cinder.API()
    for each in volume_api.attachments_of(context, instance.uuid):
        if each.volume_id == bdm.volume_id:
            volume_api.attachment_delete(context, each.id)
    bdm.destroy()


def _notify(
    context: RequestContext, instance: Instance, event: str, bdm: BlockDeviceMapping
) -> None:
    notify_about_instance_usage(
        context, instance, event, extra={"volume_id": bdm.volume_id}, source="nova-conductor"
    )
