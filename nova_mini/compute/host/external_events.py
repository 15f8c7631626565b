"""Handles events of external services about servers of this host."""

from __future__ import annotations

import logging
from typing import Protocol

from nova_mini import exception
from nova_mini.actions.runner import HostRunner
from nova_mini.compute.host.host_services import HostServices
from nova_mini.compute.host.network_refresh import NetworkRefresher
from nova_mini.context import RequestContext
from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from nova_mini.objects.external_event import ExternalEvent
from nova_mini.objects.instance import Instance
from nova_mini.trace import traced
from nova_mini.virt.block_device_volumes import driver_block_device

LOG = logging.getLogger(__name__)


class EventManager(Protocol):
    """The parts of the compute manager that handle events."""

    runner: HostRunner[HostServices]
    services: HostServices
    network_refresher: NetworkRefresher


def handle(manager: EventManager, context: RequestContext, events: list[ExternalEvent]) -> None:
    """Handle ``events``, which ``requests.external_events`` has
    checked. The failure of one event is logged, and the others are handled."""
    for event in events:
        uuid, name, tag = event["server_uuid"], event["name"], event.get("tag")
        LOG.debug("Instance %s: event %s of %s", uuid, name, tag)
        manager.services.instance_events.deliver(
            uuid, (name, tag), event.get("status", "completed")
        )
        try:
            _act(manager, context, uuid, name, tag)
        except exception.NovaException as exc:
            LOG.warning("Instance %s: event %s of %s failed: %s", uuid, name, tag, exc)


def _act(
    manager: EventManager, context: RequestContext, uuid: str, name: str, tag: str | None
) -> None:
    """Do what an event requires even if no operation waits for it."""
    if name == "network-vif-deleted" and tag:
        manager.network_refresher.port_deleted(context, uuid, tag)
    elif name.startswith("network-"):
        manager.network_refresher.refresh(context, uuid)
    elif name == "volume-extended" and tag:
        _extend_volume(manager, context, uuid, tag)


def _extend_volume(
    manager: EventManager, context: RequestContext, uuid: str, volume_id: str
) -> None:
    with manager.runner.server_locks.hold(uuid):
        instance = Instance.get_by_uuid(context, uuid)
        _resize_disk(manager.services, context, instance, volume_id)


@traced("extend_volume")
def _resize_disk(
    services: HostServices, context: RequestContext, instance: Instance, volume_id: str
) -> None:
    """Show the guest the new size of an attached volume that Cinder has extended."""
    bdm = BlockDeviceMapping.get_by_volume(context, instance.uuid, volume_id)
    volume = services.volume_api.get(context, volume_id)
    driver_bdm = driver_block_device(bdm)
    services.driver.extend_volume(
        context, driver_bdm.connection_info, instance, bdm.device_name, volume.size
    )
    bdm.volume_size = volume.size
    bdm.save()
