"""The compute service: operations on the servers of one host.

The methods here are the RPC endpoints, in a module for each group. Each operation is a module of
``compute.operations``, and ``actions.runner`` is the common frame around all operations.
"""

from __future__ import annotations

import oslo_messaging as messaging

from nova_mini.actions.runner import HostRunner
from nova_mini.compute.host import evacuated, events, power_sync
from nova_mini.compute.host.compute_virtapi import ComputeVirtAPI
from nova_mini.compute.host.host_services import HostServices
from nova_mini.compute.host.network_refresh import NetworkRefresher
from nova_mini.compute.host.resource_tracker import ResourceTracker
from nova_mini.compute.manager.building import BuildingOperations
from nova_mini.compute.manager.devices import DeviceOperations
from nova_mini.compute.manager.guest_access import GuestAccess
from nova_mini.compute.manager.host_requests import HostRequests
from nova_mini.compute.manager.images import ImageOperations
from nova_mini.compute.manager.live_migration import LiveMigrationOperations
from nova_mini.compute.manager.periodic_tasks import PeriodicTasks
from nova_mini.compute.manager.power import PowerOperations
from nova_mini.compute.manager.resize import ResizeOperations
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.image import glance
from nova_mini.network import neutron
from nova_mini.service import Manager
from nova_mini.virt.driver import load_compute_driver
from nova_mini.volume import cinder


class ComputeManager(
    BuildingOperations,
    PowerOperations,
    ImageOperations,
    ResizeOperations,
    LiveMigrationOperations,
    DeviceOperations,
    GuestAccess,
    HostRequests,
    PeriodicTasks,
    Manager,
):
    """RPC endpoint of ``compute.<host>``. ``owner`` is the incarnation that owns its claims.

    Operations are called with ``instance_uuid`` and ``action_id``, and run as ``method(op)``: see
    :mod:`nova_mini.actions.runner`.
    """

    target = messaging.Target(version="1.0")

    def __init__(self, host: str, owner: str):
        self.host = host
        self._owner = owner
        self.endpoints = [self]
        self.instance_events = events.InstanceEvents()
        self.network_api = neutron.API()
        self.image_api = glance.API()
        self.volume_api = cinder.API()
        self.virtapi = ComputeVirtAPI(self.instance_events, self.network_api, self.volume_api)
        self.driver = load_compute_driver(self.virtapi, CONF.compute_driver)
        self.rt = ResourceTracker(host, self.driver)
        self.network_refresher = NetworkRefresher(self.network_api, self._resume)
        self.services = HostServices(
            host,
            self.driver,
            self.virtapi,
            self.rt,
            self.network_api,
            self.image_api,
            self.volume_api,
            self.instance_events,
        )
        self.runner = HostRunner(
            host,
            owner,
            self.services,
            cancel_event_waits=self.instance_events.cancel,
            operation_ended=self._operation_ended,
            ownership_lost=self._destroy_orphaned_guest,
        )
        self.runner.serve(self)
        self._to_heal: list[str] = []

    def init_host(self) -> None:
        self.driver.init_host(self.host)
        self.driver.register_event_listener(self._handle_lifecycle_event)
        evacuated.return_to_service(self.services, self._owner)
        self.rt.init_host()

    def resume(self) -> None:
        """Remove orphans and compare power states. Unfinished actions of the predecessor are
        resumed after the first check-in."""
        self.runner.submit(self._destroy_orphans)
        self.runner.submit(power_sync.sync_power_states, self.driver, self.host)

    def resume_actions(self, unfinished: list) -> None:
        """Resume every action of this host that this process does not know of."""
        for action_id, method, uuid, context in unfinished:
            self.runner.resume(method, uuid, action_id, context)

    def _operation_ended(self, uuid: str) -> None:
        """Do the work that was pending while an operation ran on that server."""
        if self.network_refresher.is_requested(uuid):
            self.runner.submit(self._refresh_network_info, get_admin_context(), uuid)

    def is_available(self) -> bool:
        return self.driver.is_available()

    def cleanup_host(self) -> None:
        self.runner.stop()
        self.driver.cleanup_host(self.host)
