"""Finds and removes orphans: resources of servers that do not belong to this host any more.

A host that was down while its servers were deleted or built elsewhere still has their domains and
files. A server with a record on this host, or with an unfinished action, has no orphans.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from nova_mini import exception
from nova_mini.compute.host.host_services import HostServices
from nova_mini.context import get_admin_context
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.objects.instance_collection import InstanceList
from nova_mini.states import vm_states

LOG = logging.getLogger(__name__)


class Kind(NamedTuple):
    """One kind of orphans. ``owners(services)``: uuids of all servers that have such a resource;
    ``orphaned(services, uuids)``: those of them that do not belong here; ``destroy(services,
    uuid)`` removes the resource. ``description`` is for log lines and histories. ``reason``: why
    it does not belong here, as the end of a sentence about the server.
    """

    description: str
    owners: Callable[[HostServices], Iterable[str]]
    orphaned: Callable[[HostServices, list[str]], list[str]]
    destroy: Callable[[HostServices, str], None]
    reason: str = "does not belong to this host any more"


def find(services: HostServices, kind: Kind, among: Collection[str] | None = None) -> list[str]:
    """Return the uuids of servers that have orphans of a kind; ``among``: only of these servers."""
    owners = set(kind.owners(services))
    if among is not None:
        owners &= set(among)
    return kind.orphaned(services, sorted(owners)) if owners else []


def destroy(services: HostServices, kind: Kind, uuid: str) -> None:
    """Destroy the orphan of a server and record it in the server's history. It is kept if it is
    none any more: the server may have come to this host since the search."""
    if not kind.orphaned(services, [uuid]):
        return
    LOG.warning("Instance %s: %s, destroying %s", uuid, kind.reason, kind.description)
    kind.destroy(services, uuid)
    details = f"The server {kind.reason}, and host {services.name} still had {kind.description}."
    InstanceAction.record_leftover(get_admin_context(), uuid, services.name, details)


def destroy_all(
    services: HostServices, kinds: Iterable[Kind], among: Collection[str] | None = None
) -> None:
    """Destroy all orphans of these kinds. Failures are logged, and the others are destroyed."""
    for kind in kinds:
        try:
            uuids = find(services, kind, among)
        except exception.NovaException as exc:
            LOG.warning(
                "Host %s: could not look for orphans (%s): %s", services.name, kind.description, exc
            )
            continue
        for uuid in uuids:
            try:
                destroy(services, kind, uuid)
            except exception.NovaException as exc:
                LOG.warning("Instance %s: could not remove %s: %s", uuid, kind.description, exc)


def clean_shared_disks(services: HostServices) -> None:
    """Remove unfinished disks of this host's servers from shared storage: a crash interrupted their
    creation or removal."""
    owners = services.driver.list_shared_disk_owners()
    if owners:
        servers = InstanceList.get_by_host(get_admin_context(), services.name)
        services.driver.clean_shared_disks(owners & {instance.uuid for instance in servers})


# -- which servers do not belong here ------------------------------------------------------------


def _not_here(services: HostServices, uuids: list[str]) -> list[str]:
    return Instance.not_of_host(get_admin_context(), uuids, services.name)


def _deleted(_services: HostServices, uuids: list[str]) -> list[str]:
    """For resources that follow a server to another host: only deleted servers leave orphans."""
    return Instance.deleted_among(get_admin_context(), uuids)


def _not_rescued(services: HostServices, uuids: list[str]) -> list[str]:
    """For rescue disks: servers of this host that neither are rescued nor have a task."""
    states = InstanceList.get_states(get_admin_context(), services.name)
    return [
        uuid
        for uuid, vm_state, task_state, _ in states
        if uuid in uuids and vm_state != vm_states.RESCUED and task_state is None
    ]


# -- the kinds -----------------------------------------------------------------------------------


def _destroy_guest(services: HostServices, uuid: str) -> None:
    context = get_admin_context()
    instance = Instance.get_by_uuid(context, uuid, read_deleted=True)
    services.driver.destroy(context, instance, instance.network_info)


def _port_owners(services: HostServices) -> set[str]:
    ports = services.network_api.list_ports_on_host(get_admin_context(), services.name)
    return {port["device_id"] for port in ports}


def _remove_rescue_disk(services: HostServices, uuid: str) -> None:
    instance = Instance.get_by_uuid(get_admin_context(), uuid)
    services.driver.remove_rescue_disks(instance)


GUEST = Kind(
    "its guest, files or connections",
    lambda services: services.driver.list_instance_uuids(),
    _not_here,
    _destroy_guest,
)
# A port of the host's switch stays without its guest if the host loses power.
SWITCH_PORT = Kind(
    "a port at the switch",
    lambda services: services.driver.list_plugged_instances(),
    _deleted,
    lambda services, uuid: services.driver.unplug_orphan(uuid),
)
# A port whose creation was requested twice, or whose answer came after the server was deleted.
NETWORK_PORT = Kind(
    "a port in Neutron",
    _port_owners,
    _deleted,
    lambda services, uuid: services.network_api.deallocate_device(get_admin_context(), uuid),
)
SHARED_DISK = Kind(
    "a disk in the shared storage",
    lambda services: services.driver.list_shared_disk_owners(),
    _deleted,
    lambda services, uuid: services.driver.destroy_shared_disks(uuid),
)
# Its server was hard rebooted after a rescue that had failed or whose state was reset.
RESCUE_DISK = Kind(
    "a rescue disk",
    lambda services: services.driver.list_unused_rescue_disks(),
    _not_rescued,
    _remove_rescue_disk,
    reason="is not rescued any more",
)
# By the names that the doctor uses. Guests first, because they use the others.
ALL = {
    "orphaned-guest": GUEST,
    "orphaned-switch-port": SWITCH_PORT,
    "orphaned-host-port": NETWORK_PORT,
    "orphaned-disk": SHARED_DISK,
    "orphaned-rescue-disk": RESCUE_DISK,
}
