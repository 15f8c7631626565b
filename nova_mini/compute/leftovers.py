"""Remove from this host what does not belong to it any more.

A host that was away while its servers were deleted or built elsewhere finds their domains and files
still here. What has a living record on this host, or an unfinished action, is never touched.
"""

from __future__ import annotations

import logging

from nova_mini import exception
from nova_mini.context import get_admin_context
from nova_mini.objects.instance import Instance, InstanceList

LOG = logging.getLogger(__name__)


def destroy_leftovers(manager, uuids: list[str]) -> None:
    """Of these instances, which the driver knows, those that do not belong here."""
    if not uuids:
        return
    context = get_admin_context()
    for uuid in Instance.not_of_host(context, uuids, manager.host):
        try:
            instance = Instance.get_by_uuid(context, uuid, read_deleted=True)
            LOG.warning("Instance %s does not belong here any more: destroying it", uuid)
            manager.driver.destroy(context, instance, instance.network_info)
        except exception.NovaException as exc:
            LOG.warning("Leftover of instance %s could not be removed: %s", uuid, exc)


def destroy_shared_disks(manager) -> None:
    """In a storage that hosts share: disks of servers that are deleted, and what was cut off while
    it made a disk, or removed one, of a server that is here."""
    context = get_admin_context()
    owners = manager.driver.list_shared_disk_owners()
    if not owners:
        return
    for uuid in Instance.deleted_among(context, sorted(owners)):
        try:
            LOG.warning("Instance %s is gone: removing its disks", uuid)
            manager.driver.destroy_shared_disks(uuid)
        except exception.NovaException as exc:
            LOG.warning("Disks of instance %s could not be removed: %s", uuid, exc)
    here = {instance.uuid for instance in InstanceList.get_by_host(context, manager.host)}
    manager.driver.clean_shared_disks(owners & here)


def release_ports(manager) -> None:
    """Ports bound to this host for servers that are deleted: one whose making was asked for twice,
    or whose answer came after the server was gone."""
    context = get_admin_context()
    ports = manager.network_api.list_ports_on_host(context, manager.host)
    owners = {port["device_id"] for port in ports}
    if not owners:
        return
    for uuid in Instance.deleted_among(context, sorted(owners)):
        LOG.warning("Instance %s is gone: releasing its ports", uuid)
        manager.network_api.deallocate_device(context, uuid)
