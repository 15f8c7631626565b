"""Delete servers that no compute can delete: they are on none, or on one that is down."""

from __future__ import annotations

import logging

from nova_mini.compute import rpcapi as compute_rpcapi
from nova_mini.compute import shelved_image, volume_cleanup
from nova_mini.conductor import unfinished_images
from nova_mini.conf import CONF
from nova_mini.image import glance
from nova_mini.network import neutron
from nova_mini.notifications import notify_about_instance_usage
from nova_mini.objects.block_device_mapping import BlockDeviceMappingList
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.volume import cinder

LOG = logging.getLogger(__name__)

_EVENT = "conductor_delete_instance"


def delete_unscheduled_instances(context, action_ids: list[int], owner: str) -> None:
    """Claim the delete actions and do them here.

    ``args["host_is_down"]``: the server's host is not waited for. Without it, a server that has
    come to a host since the user asked is that host's to delete.
    """
    for action_id in action_ids:
        action = InstanceAction.claim(
            context, action_id, owner, host=None, event=_EVENT, at=CONF.host
        )
        if action is None:
            continue
        if action.instance.host and not action.args.get("host_is_down"):
            _send_to_host(context, action, owner)
        else:
            _delete(context, action, owner)


def _send_to_host(context, action: InstanceAction, owner: str) -> None:
    host = action.instance.host
    key = (context, action.id, owner, _EVENT)
    if InstanceAction.hand_over(
        *key, at=CONF.host, host=host, method="terminate_instance", args=action.args
    ):
        action.host, action.method = host, "terminate_instance"
        compute_rpcapi.ComputeAPI().send(context, action)


def _delete_images(context, action: InstanceAction) -> None:
    """Those that were being made of the server, and the one that it is shelved in."""
    instance = action.instance
    images = [*action.args.get("unfinished_images", []), shelved_image.id_of(instance)]
    unfinished_images.discard_of_deleted(instance, list(filter(None, images)))
    shelved_image.delete(glance.API(), context, instance)


def _delete(context, action: InstanceAction, owner: str) -> None:
    """What the server held outside of a host; a host that comes back removes its own leftovers."""
    instance = action.instance
    notify_about_instance_usage(context, instance, "delete.start")
    try:
        neutron.API().deallocate_for_instance(context.elevated(), instance)
        _delete_images(context, action)
        bdms = BlockDeviceMappingList.get_by_instance_uuid(context, instance.uuid)
        volume_cleanup.cleanup_volumes(cinder.API(), context, instance, bdms)
    except Exception as exc:
        LOG.warning("Deleting instance %s must wait: %s", instance.uuid, exc)
        InstanceAction.put_back(context, action.id, owner, _EVENT, type(exc).__name__)
        return
    instance.deleted = True
    InstanceAction.finish(context, action.id, owner, _EVENT, at=CONF.host, instance=instance)
    notify_about_instance_usage(context, instance, "delete.end")
