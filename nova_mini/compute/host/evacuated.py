"""A host that was down and returns: its servers may be on other hosts now.

Before it accepts work, it destroys the guests that it does not own any more. Then the conductors
lift its fence. So a guest that still runs here never writes again.
"""

from __future__ import annotations

import logging
import time

from nova_mini import exception, rpc
from nova_mini.compute.host import orphans
from nova_mini.compute.host.host_services import HostServices
from nova_mini.context import get_admin_context
from nova_mini.objects.evacuated_host import EvacuatedHost
from nova_mini.objects.instance import Instance
from nova_mini.rpcapi.conductor import ComputeTaskAPI

LOG = logging.getLogger(__name__)

_PAUSE = 2  # seconds between two requests to lift the fence
_ATTEMPTS = 30


def return_to_service(services: HostServices, incarnation: str) -> None:
    """Destroy lost guests, and have the fence lifted. Called when the service starts.

    Raises the errors of the hypervisor, and HostFenced: then the process must end, and the next one
    tries again.
    """
    duties = EvacuatedHost.get_duties(get_admin_context(), services.name)
    for uuid in duties["leaving"]:
        _destroy_guest(services, uuid)
    if duties["is_fenced"] or duties["left"]:
        _destroy_lost_guests(services)
        _complete(services, duties["left"])
    if duties["is_fenced"]:
        _lift_fence(services.name, incarnation)


def complete(services: HostServices) -> None:
    """Clean up after evacuations that have ended since the service started. A periodic task."""
    left = EvacuatedHost.get_duties(get_admin_context(), services.name)["left"]
    if left:
        orphans.destroy_all(services, [orphans.GUEST], left.values())
        _complete(services, left)


def _destroy_guest(services: HostServices, uuid: str) -> None:
    """Destroy a guest whose evacuation has begun. Its disks are kept: the evacuation may fail."""
    context = get_admin_context()
    LOG.warning("Instance %s: is being evacuated from this host, destroying its guest", uuid)
    instance = Instance.get_by_uuid(context, uuid, read_deleted=True)
    services.driver.destroy(context, instance, instance.network_info, destroy_disks=False)


def _destroy_lost_guests(services: HostServices) -> None:
    """Unlike the periodic task, this raises an error if a guest cannot be destroyed."""
    for uuid in orphans.find(services, _LOST_GUEST):
        orphans.destroy(services, _LOST_GUEST, uuid)


def _destroy_lost_guest(services: HostServices, uuid: str) -> None:
    """The disks of a deleted server are left to the periodic task: a host with a fence cannot
    remove them from Ceph."""
    context = get_admin_context()
    instance = Instance.get_by_uuid(context, uuid, read_deleted=True)
    services.driver.destroy(
        context, instance, instance.network_info, destroy_disks=not instance.deleted
    )


_LOST_GUEST = orphans.GUEST._replace(destroy=_destroy_lost_guest)


def _complete(services: HostServices, left: dict[str, str]) -> None:
    """Record the clean-up of the servers that have nothing here any more."""
    here = set(services.driver.list_instance_uuids())
    clean = [migration for migration, server in left.items() if server not in here]
    if clean:
        EvacuatedHost.complete(get_admin_context(), services.name, clean)


def _lift_fence(host: str, incarnation: str) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            is_lifted = ComputeTaskAPI().readmit_host(get_admin_context(), host, incarnation)
        except (exception.ActionInterrupted, exception.CephUnavailable, *rpc.UNANSWERED) as exc:
            if attempt == _ATTEMPTS:
                raise
            LOG.warning("Host %s: its fence is not lifted yet: %s", host, exc)
            time.sleep(_PAUSE)
        else:
            if not is_lifted:
                raise exception.HostFenced(host=host)
            return
