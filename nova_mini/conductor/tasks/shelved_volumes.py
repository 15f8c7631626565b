"""Volumes of servers that are on no host: reserved in Cinder, connected when their server is."""

from __future__ import annotations

import logging
from collections.abc import Callable

from nova_mini import exception
from nova_mini.compute import rpcapi as compute_rpcapi
from nova_mini.conf import CONF
from nova_mini.notifications import notify_about_instance_usage
from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.volume import cinder

LOG = logging.getLogger(__name__)


def attach_volumes(context, action_ids: list[int], owner: str) -> None:
    """The API has reserved each; or it has died over it, and nothing was promised."""
    _do(context, action_ids, owner, "attach_volume", _attach)


def detach_volumes(context, action_ids: list[int], owner: str) -> None:
    _do(context, action_ids, owner, "detach_volume", _detach)


def _do(context, action_ids: list[int], owner: str, method: str, work: Callable) -> None:
    """Claim the actions and do them here; those of a server that has come to a host since the user
    asked are that host's, whose method has the same name."""
    event = f"conductor_{method}"
    for action_id in action_ids:
        action = InstanceAction.claim(
            context, action_id, owner, host=None, event=event, at=CONF.host
        )
        if action is None:
            continue
        key = (context, action.id, owner, event)
        if action.instance.host:
            _send_to_host(context, action, key)
            continue
        try:
            work(context, action)
        except Exception as exc:
            LOG.warning("%s of instance %s must wait: %s", method, action.instance_uuid, exc)
            InstanceAction.put_back(*key, type(exc).__name__)
        else:
            InstanceAction.finish(*key, at=CONF.host)


def _send_to_host(context, action: InstanceAction, key: tuple) -> None:
    host = action.instance.host
    if InstanceAction.hand_over(*key, at=CONF.host, host=host, method=action.method,
                                args=action.args):  # fmt: skip
        action.host = host
        compute_rpcapi.ComputeAPI().send(context, action)


def _attach(context, action: InstanceAction) -> None:
    bdm = BlockDeviceMapping.get_by_uuid(context, action.args["bdm_uuid"])
    if bdm is None:  # taken back by the API, or detached since
        return
    if bdm.attachment_id is None:
        if action.attempts == 1:
            raise exception.ActionInterrupted(reason="the volume is not reserved yet")
        _release(context, action.instance, bdm)
        return
    _notify(context, action.instance, "volume.attach", bdm)


def _detach(context, action: InstanceAction) -> None:
    bdm = BlockDeviceMapping.get_by_uuid(context, action.args["bdm_uuid"])
    if bdm is not None:
        _release(context, action.instance, bdm)
        _notify(context, action.instance, "volume.detach", bdm)


def _release(context, instance, bdm: BlockDeviceMapping) -> None:
    """Whatever Cinder has of it for the server goes; the record goes last."""
    volume_api = cinder.API()
    for each in volume_api.attachments_of(context, instance.uuid):
        if each.volume_id == bdm.volume_id:
            volume_api.attachment_delete(context, each.id)
    bdm.destroy()


def _notify(context, instance, event: str, bdm: BlockDeviceMapping) -> None:
    notify_about_instance_usage(context, instance, event, extra={"volume_id": bdm.volume_id})
