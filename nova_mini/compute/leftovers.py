"""What this host, or a neighbour for it, still has of servers that do not belong here any more.

A host that was away while its servers were deleted or built elsewhere finds their domains and files
still here. What has a living record on this host, or an unfinished action, is never touched.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from nova_mini import exception
from nova_mini.context import get_admin_context
from nova_mini.objects.instance import Instance, InstanceList
from nova_mini.objects.instance_action import InstanceAction

LOG = logging.getLogger(__name__)


class Kind(NamedTuple):
    """One kind of leftover. ``owners(manager)``: of which servers there is something;
    ``leftover(manager, uuids)``: those of them that do not belong here; ``destroy(manager, uuid)``.
    """

    what: str
    owners: Callable[..., Iterable[str]]
    leftover: Callable[..., list[str]]
    destroy: Callable[..., None]


def find(manager, kind: Kind, among: Collection[str] | None = None) -> list[str]:
    """Uuids of the servers of which such a thing is left; ``among``: of these alone."""
    owners = set(kind.owners(manager))
    if among is not None:
        owners &= set(among)
    return kind.leftover(manager, sorted(owners)) if owners else []


def destroy(manager, kind: Kind, uuid: str) -> None:
    """For good; the server's history tells of it."""
    LOG.warning("Instance %s does not belong here: destroying %s", uuid, kind.what)
    kind.destroy(manager, uuid)
    details = f"It does not belong to host {manager.host} any more, which still had {kind.what}."
    InstanceAction.record_leftover(get_admin_context(), uuid, manager.host, details)


def destroy_all(manager, kinds: Iterable[Kind], among: Collection[str] | None = None) -> None:
    """Every leftover of these kinds; one that resists keeps no other."""
    for kind in kinds:
        try:
            uuids = find(manager, kind, among)
        except exception.NovaException as exc:
            LOG.warning("Cannot look for leftovers (%s): %s", kind.what, exc)
            continue
        for uuid in uuids:
            try:
                destroy(manager, kind, uuid)
            except exception.NovaException as exc:
                LOG.warning("Of instance %s could not be removed %s: %s", uuid, kind.what, exc)


def clean_shared_disks(manager) -> None:
    """In a storage that hosts share: what was cut off while it made a disk, or removed one, of a
    server that is here."""
    owners = manager.driver.list_shared_disk_owners()
    if owners:
        servers = InstanceList.get_by_host(get_admin_context(), manager.host)
        manager.driver.clean_shared_disks(owners & {instance.uuid for instance in servers})


# -- whose they are ------------------------------------------------------------------------------


def _not_here(manager, uuids: list[str]) -> list[str]:
    return Instance.not_of_host(get_admin_context(), uuids, manager.host)


def _deleted(_manager, uuids: list[str]) -> list[str]:
    """What is on another host by now has been taken along: only the deleted leave it."""
    return Instance.deleted_among(get_admin_context(), uuids)


# -- the kinds -----------------------------------------------------------------------------------


def _destroy_guest(manager, uuid: str) -> None:
    context = get_admin_context()
    instance = Instance.get_by_uuid(context, uuid, read_deleted=True)
    manager.driver.destroy(context, instance, instance.network_info)


def _port_owners(manager) -> set[str]:
    ports = manager.network_api.list_ports_on_host(get_admin_context(), manager.host)
    return {port["device_id"] for port in ports}


GUEST = Kind(
    "its guest, files or connections",
    lambda manager: manager.driver.list_instance_uuids(),
    _not_here,
    _destroy_guest,
)
# Ports of the host's switch that outlived their guest: the host lost its power.
SWITCH_PORT = Kind(
    "a port of its at the switch",
    lambda manager: manager.driver.list_plugged_instances(),
    _deleted,
    lambda manager, uuid: manager.driver.unplug_leftovers(uuid),
)
# One whose making was asked for twice, or whose answer came after the server was gone.
NETWORK_PORT = Kind(
    "a port of its in Neutron",
    _port_owners,
    _deleted,
    lambda manager, uuid: manager.network_api.deallocate_device(get_admin_context(), uuid),
)
SHARED_DISK = Kind(
    "a disk of its in the shared storage",
    lambda manager: manager.driver.list_shared_disk_owners(),
    _deleted,
    lambda manager, uuid: manager.driver.destroy_shared_disks(uuid),
)
# A guest first: it uses the others. By the names that the doctor gives them.
ALL = {
    "leftover-guest": GUEST,
    "leftover-switch-port": SWITCH_PORT,
    "leftover-port": NETWORK_PORT,
    "leftover-disk": SHARED_DISK,
}
