"""Removes what a second host has of a server whose live migration did not succeed: its attachments
of the volumes, and its bindings of the ports."""

from __future__ import annotations

from collections.abc import Iterable

from nova_mini.context import RequestContext
from nova_mini.network import neutron
from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from nova_mini.objects.instance import Instance
from nova_mini.trace import traced
from nova_mini.volume import cinder


@traced("keep_one_host")
def keep_one_host(
    network_api: neutron.API,
    volume_api: cinder.API,
    context: RequestContext,
    instance: Instance,
    bdms: Iterable[BlockDeviceMapping],
    host: str,
) -> None:
    """Leave only what ``host`` has of the server, where its guest runs. Idempotent. Called by the
    destination, or by a conductor if the destination is down."""
    named = {bdm.attachment_id for bdm in bdms if bdm.is_volume and bdm.attachment_id}
    if named:
        for each in volume_api.attachments_of(context, instance.uuid):
            if each.id not in named:
                volume_api.attachment_delete(context, each.id)
    network_api.remove_second_binding(context, instance, host)
