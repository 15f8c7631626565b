"""The parts that the groups of methods share. :class:`.ComputeManager` makes them."""

from __future__ import annotations

from nova_mini.actions.runner import HostRunner
from nova_mini.compute.host import orphans
from nova_mini.compute.host.host_services import HostServices
from nova_mini.compute.host.network_refresh import NetworkRefresher
from nova_mini.compute.host.resource_tracker import ResourceTracker
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.virt.driver import ComputeDriver


class ManagerParts:
    host: str
    driver: ComputeDriver
    rt: ResourceTracker
    network_refresher: NetworkRefresher
    runner: HostRunner
    services: HostServices

    def _resume(self, context, action: InstanceAction) -> None:
        """Run an action that this host has begun itself."""
        self.runner.resume(action.method, action.instance_uuid, action.id, context.to_dict())

    def _destroy_orphaned_guest(self, instance_uuid: str) -> None:
        """Remove what an operation that lost the ownership of its server has made here."""
        orphans.destroy_all(self.services, [orphans.GUEST], [instance_uuid])
