"""Delete servers that are on no host, or on a host that is down."""

from __future__ import annotations

from nova_mini.actions import operations
from nova_mini.actions.claims import ClaimedAction
from nova_mini.conductor import unfinished_image_sweep
from nova_mini.context import RequestContext
from nova_mini.external import shelved_image, volume_cleanup, vtpm_key
from nova_mini.image import glance
from nova_mini.keymgr.passphrases import Passphrases
from nova_mini.network import neutron
from nova_mini.notifications import notify_about_instance_usage
from nova_mini.objects.block_device_mapping import BlockDeviceMappingList
from nova_mini.objects.migration import Migration
from nova_mini.rpcapi import compute as compute_rpcapi
from nova_mini.volume import cinder


def delete_unscheduled_instances(context: RequestContext, actions: list[ClaimedAction]) -> None:
    """Run claimed delete actions.

    A server that came to a host since the request is deleted by that host, unless the host is known
    to be down.
    """
    for action in actions:
        try:
            if action.instance.host and not action.parameters.host_is_down:
                _send_to_host(action)
            else:
                _delete(context, action)
        except Exception as exc:  # continue with the others
            action.requeue(exc)


def _send_to_host(action: ClaimedAction) -> None:
    host = action.instance.host
    if action.hand_over(
        operations.TERMINATE_INSTANCE, host, action.parameters, saves_instance=False
    ):
        compute_rpcapi.ComputeAPI().send(action.context, action.record)


def _delete(context: RequestContext, action: ClaimedAction) -> None:
    """Remove the server's resources outside of a host. A host removes its orphans itself."""
    instance = action.instance
    notify_about_instance_usage(context, instance, "delete.start", source="nova-conductor")
    others = Migration.get_hosts_beside(context, instance)
    neutron.API().deallocate_for_instance(context.elevated(), instance)
    _delete_images(context, action)
    vtpm_key.discard(Passphrases(), context, instance)
    bdms = BlockDeviceMappingList.get_by_instance_uuid(context, instance.uuid)
    volume_cleanup.cleanup_volumes(cinder.API(), context, instance, bdms)
    instance.deleted = True
    action.finish()
    for host in others:
        compute_rpcapi.ComputeAPI().remove_orphans(context, host, instance.uuid)
    notify_about_instance_usage(context, instance, "delete.end", source="nova-conductor")


def _delete_images(context: RequestContext, action: ClaimedAction) -> None:
    """Delete the unfinished images of the server and its shelved image."""
    instance = action.instance
    images = [*action.parameters.unfinished_images, shelved_image.id_of(instance)]
    unfinished_image_sweep.discard_of_deleted(instance, list(filter(None, images)))
    shelved_image.delete(glance.API(), context, instance)
