"""The ports and volumes of a server while two hosts have them: its guest moves from one to the
other.

A volume has two attachments in Cinder then. The server's mapping names that of the host where the
guest is; the other one is found in Cinder. A port has two bindings in Neutron. All functions are
idempotent.
"""

from __future__ import annotations

import dataclasses

from nova_mini.compute.host.host_services import HostOperation
from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from nova_mini.trace import traced
from nova_mini.virt import block_device as driver_block_device
from nova_mini.virt import block_device_volumes as volumes
from nova_mini.virt.block_device_info import BlockDeviceInfo
from nova_mini.volume.cinder import Attachment


def _attached(op: HostOperation) -> list[BlockDeviceMapping]:
    return [bdm for bdm in op.block_device_mappings if bdm.is_volume and bdm.attachment_id]


def _others(op: HostOperation) -> dict[str, Attachment]:
    """Volume -> its attachment that the mapping does not name."""
    bdms = _attached(op)
    if not bdms:
        return {}
    named = {bdm.attachment_id for bdm in bdms}
    found = op.host.volume_api.attachments_of(op.context, op.instance.uuid)
    return {each.volume_id: each for each in found if each.id not in named}


# -- at the destination, before the guest comes --------------------------------------------------


@traced("_attach_volumes_here")
def attach_volumes_here(op: HostOperation) -> BlockDeviceInfo:
    """Create a second attachment of each volume, for this host. Returns the disks with the
    connections of this host. Attachments of earlier attempts, here or elsewhere, are deleted."""
    api, connections = op.host.volume_api, {}
    for old in _others(op).values():
        api.attachment_delete(op.context, old.id)
    for bdm in _attached(op):
        connector = op.host.driver.get_volume_connector(op.instance)
        connector["mountpoint"] = bdm.device_name
        created = api.attachment_create(op.context, bdm.volume_id, op.instance.uuid, connector)
        connections[bdm.volume_id] = api.attachment_get(op.context, created.id)
    return _with_connections(op, connections)


def get_volumes_here(op: HostOperation) -> BlockDeviceInfo:
    """The disks with the connections that :func:`attach_volumes_here` has made."""
    others = _others(op)
    api = op.host.volume_api
    return _with_connections(
        op, {name: api.attachment_get(op.context, each.id) for name, each in others.items()}
    )


def _with_connections(op: HostOperation, attachments: dict[str, Attachment]) -> BlockDeviceInfo:
    info = driver_block_device.get_block_device_info(op.block_device_mappings)
    flags = {bdm.volume_id: volumes.stored_flags(bdm) for bdm in _attached(op)}
    disks = []
    for disk in info.volumes:
        attachment = attachments.get(disk.serial or "")
        if attachment is not None and attachment.connection_info:
            stored = volumes.connection_to_store(
                attachment, attachment.volume_id, flags[attachment.volume_id]
            )
            disks.append(dataclasses.replace(disk, connection_info=stored))
    return dataclasses.replace(info, volumes=disks)


# -- when the guest is at one of them ------------------------------------------------------------


def activate_binding(op: HostOperation, host: str) -> None:
    op.host.network_api.activate_binding(op.context, op.instance, host)


@traced("_keep_destination_only")
def keep_destination_only(op: HostOperation) -> None:
    """At the destination, which the guest has reached: remove what the source had."""
    network_api = op.host.network_api
    network_api.remove_second_binding(op.context, op.instance, op.host.name)
    op.instance.network_info = network_api.get_instance_nw_info(op.context, op.instance)
    _use_new_attachments(op)


def _use_new_attachments(op: HostOperation) -> None:
    """A new attachment is not complete yet: so an attempt that was interrupted after it has changed
    the mapping does not take the old one for the new one."""
    api, others = op.host.volume_api, _others(op)
    for bdm in _attached(op):
        other = others.get(bdm.volume_id)
        if other is not None and other.status != volumes.ATTACHED:
            new = api.attachment_get(op.context, other.id)
            flags = volumes.stored_flags(bdm)
            volumes.store_connection(bdm, volumes.connection_to_store(new, bdm.volume_id, flags))
            bdm.attachment_id = new.id
            bdm.save()
        api.attachment_complete(op.context, bdm.attachment_id)
    for old in _others(op).values():
        api.attachment_delete(op.context, old.id)
