"""The compute service: operations on the servers of one host.

The methods here are the RPC endpoints. Each operation is a module of ``compute.operations``, and
``actions.runner`` is the common frame around all operations.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Collection
from typing import Any

import oslo_messaging as messaging
from oslo_concurrency import processutils

from nova_mini import exception
from nova_mini.actions import operations
from nova_mini.actions.registry import NextPhase
from nova_mini.actions.runner import HostRunner, runs
from nova_mini.compute.host import (
    audit,
    consoles,
    evacuated,
    events,
    external_events,
    orphans,
    power_sync,
    running_guest,
    shelved_servers,
)
from nova_mini.compute.host.host_services import HostOperation, HostServices
from nova_mini.compute.host.network_refresh import NetworkRefresher
from nova_mini.compute.host.resource_tracker import ResourceTracker
from nova_mini.compute.operations import (
    admin_password,
    attached_volumes,
    backup,
    crash_dump,
    delete,
    evacuate,
    interfaces,
    live_migration,
    live_migration_outcome,
    power,
    rebuild,
    rescue,
    resize,
    resize_outcome,
    shelve,
    shelve_offload,
    snapshot,
    soft_delete,
    swap_volume,
    unshelve,
)
from nova_mini.compute.operations.build import InstanceBuild
from nova_mini.conf import CONF
from nova_mini.context import RequestContext, get_admin_context
from nova_mini.image import glance
from nova_mini.network import neutron
from nova_mini.objects.block_device_mapping import BlockDeviceMapping, RequestedVolume
from nova_mini.objects.console_auth_token import Connection
from nova_mini.objects.external_event import ExternalEvent
from nova_mini.objects.host_finding import HostFinding
from nova_mini.objects.instance import Instance, InstanceList
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.service import Manager, Periodic
from nova_mini.trace import traced
from nova_mini.virt.consoles import ConsoleKind
from nova_mini.virt.driver import load_compute_driver
from nova_mini.virt.virtapi import VirtAPI
from nova_mini.volume import cinder

LOG = logging.getLogger(__name__)


class ComputeVirtAPI(VirtAPI):
    def __init__(
        self,
        instance_events: events.InstanceEvents,
        network_api: neutron.API,
        volume_api: cinder.API,
    ):
        self._events = instance_events
        self._network_api = network_api
        self._volume_api = volume_api

    def wait_for_instance_event(
        self,
        instance: Instance,
        events_awaited: Collection[events.EventKey],
        *,
        deadline: float = 300,
        error_callback: Callable[[str, object], bool] | None = None,
    ) -> contextlib.AbstractContextManager[None]:
        def on_failure(name: str) -> bool:
            return error_callback is None or error_callback(name, instance) is not False

        def has_happened(key: events.EventKey) -> bool:
            ask = {"network-vif-plugged": self._is_wired, "volume-reimaged": self._is_reimaged}
            name, tag = key
            return name in ask and tag is not None and ask[name](tag)

        return events.wait_for_instance_event(
            self._events,
            instance.uuid,
            events_awaited,
            deadline=deadline,
            on_failure=on_failure,
            has_happened=has_happened,
        )

    def _is_wired(self, port_id: str) -> bool:
        try:
            return self._network_api.is_wired(get_admin_context(), port_id)
        except exception.NovaException as exc:
            LOG.warning("Port %s: could not read whether it is wired: %s", port_id, exc)
            return False

    def _is_reimaged(self, volume_id: str) -> bool:
        try:
            return self._volume_api.get(get_admin_context(), volume_id).status != "downloading"
        except exception.NovaException as exc:
            LOG.warning("Volume %s: could not read whether it has its image: %s", volume_id, exc)
            return False


class ComputeManager(Manager):
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

    # -- life of the service -----------------------------------------------------------------

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

    def _resume(self, context, action: InstanceAction) -> None:
        """Run an action that this host has begun itself."""
        self.runner.resume(action.method, action.instance_uuid, action.id, context.to_dict())

    def _operation_ended(self, uuid: str) -> None:
        """Do the work that was pending while an operation ran on that server."""
        if self.network_refresher.is_requested(uuid):
            self.runner.submit(self._refresh_network_info, get_admin_context(), uuid)

    def periodic_tasks(self) -> list[Periodic]:
        tasks = [
            (CONF.update_resources_interval, self.rt.update_available_resource),
            (CONF.update_resources_interval, self._release_ended_moves),
            (CONF.sync_power_state_interval, self._complete_evacuations),
            (CONF.sync_power_state_interval, self._sync_power_states),
            (CONF.sync_power_state_interval * 5, self._destroy_orphans),
            (CONF.shelved_poll_interval, self._poll_shelved_instances),
            (CONF.image_cache.manager_interval, self._manage_image_cache),
        ]
        if CONF.heal_instance_info_cache_interval > 0:
            tasks.append((CONF.heal_instance_info_cache_interval, self._heal_instance_info_cache))
        return tasks

    def is_available(self) -> bool:
        return self.driver.is_available()

    def cleanup_host(self) -> None:
        self.runner.stop()
        self.driver.cleanup_host(self.host)

    # -- operations --------------------------------------------------------------------------

    @runs(operations.BUILD_AND_RUN_INSTANCE)
    @traced("ComputeManager.build_and_run_instance")
    def build_and_run_instance(self, op: HostOperation) -> None:
        """Build a server that the scheduler gave to this host. Cast by the conductor."""
        with op.host.build_slots:
            InstanceBuild(op, op.parameters)._do_build_and_run_instance()

    @runs(operations.TERMINATE_INSTANCE)
    @traced("ComputeManager._terminate_instance")
    def terminate_instance(self, op: HostOperation) -> None:
        """Delete a server."""
        with op.error_on_failure():
            delete.delete_instance(op, op.parameters.unfinished_images)

    @runs(operations.SOFT_DELETE_INSTANCE)
    @traced("ComputeManager.soft_delete_instance")
    def soft_delete_instance(self, op: HostOperation) -> None:
        """Stop a server that its user has deleted, and keep it for a while."""
        soft_delete.soft_delete(op)

    @runs(operations.RESTORE_INSTANCE)
    @traced("ComputeManager.restore_instance")
    def restore_instance(self, op: HostOperation) -> None:
        """Start a server that was soft-deleted."""
        soft_delete.restore(op)

    @runs(operations.STOP_INSTANCE)
    @traced("ComputeManager.stop_instance")
    def stop_instance(self, op: HostOperation) -> None:
        """Ask the guest to shut down, then power it off."""
        power.stop(op)

    @runs(operations.START_INSTANCE)
    @traced("ComputeManager.start_instance")
    def start_instance(self, op: HostOperation) -> None:
        power.start(op)

    @runs(operations.REBOOT_INSTANCE)
    @traced("ComputeManager.reboot_instance")
    def reboot_instance(self, op: HostOperation) -> None:
        power.reboot(op, op.parameters.reboot_type)

    @runs(operations.PAUSE_INSTANCE)
    @traced("ComputeManager.pause_instance")
    def pause_instance(self, op: HostOperation) -> None:
        power.pause(op)

    @runs(operations.UNPAUSE_INSTANCE)
    @traced("ComputeManager.unpause_instance")
    def unpause_instance(self, op: HostOperation) -> None:
        power.unpause(op)

    @runs(operations.SUSPEND_INSTANCE)
    @traced("ComputeManager.suspend_instance")
    def suspend_instance(self, op: HostOperation) -> None:
        power.suspend(op)

    @runs(operations.RESUME_INSTANCE)
    @traced("ComputeManager.resume_instance")
    def resume_instance(self, op: HostOperation) -> None:
        power.resume(op)

    @runs(operations.REBUILD_INSTANCE)
    @traced("ComputeManager.rebuild_instance")
    def rebuild_instance(self, op: HostOperation) -> None:
        """Make a new root disk from an image. A root volume keeps its data unless a reimage is
        requested. Ephemeral disks are always made anew, by every driver."""
        rebuild.rebuild(op, op.parameters)

    @runs(operations.SET_ADMIN_PASSWORD)
    @traced("ComputeManager.set_admin_password")
    def set_admin_password(self, op: HostOperation) -> None:
        """Set the administrator's password in the guest. Called by the API, which waits."""
        admin_password.set_admin_password(op, op.parameters)

    @runs(operations.HOST_TRIGGER_CRASH_DUMP)
    @traced("ComputeManager.trigger_crash_dump")
    def trigger_crash_dump(self, op: HostOperation) -> None:
        crash_dump.trigger_crash_dump(op)

    @runs(operations.RESCUE_INSTANCE)
    @traced("ComputeManager.rescue_instance")
    def rescue_instance(self, op: HostOperation) -> None:
        """Start the server from a rescue disk, with its own root disk beside it."""
        rescue.rescue(op, op.parameters)

    @runs(operations.UNRESCUE_INSTANCE)
    @traced("ComputeManager.unrescue_instance")
    def unrescue_instance(self, op: HostOperation) -> None:
        """Start the server from its own root disk again."""
        rescue.unrescue(op)

    @runs(operations.SHELVE_INSTANCE)
    @traced("ComputeManager.shelve_instance")
    def shelve_instance(self, op: HostOperation) -> None:
        """Power the server off and upload its root disk; then, by default, offload it."""
        shelve.shelve(op)

    @runs(operations.SHELVE_OFFLOAD_INSTANCE)
    @traced("ComputeManager.shelve_offload_instance")
    def shelve_offload_instance(self, op: HostOperation) -> None:
        """Remove a server that is SHELVED here from this host."""
        op.await_earlier_actions()
        shelve_offload.offload(op)

    @runs(operations.UNSHELVE_INSTANCE)
    @traced("ComputeManager.unshelve_instance")
    def unshelve_instance(self, op: HostOperation) -> None:
        """Start a server that is SHELVED here, or build one that a conductor has sent here."""
        unshelve.unshelve(op)

    @runs(operations.PREP_RESIZE)
    @traced("ComputeManager.prep_resize")
    def prep_resize(self, op: HostOperation) -> NextPhase:
        """At the destination: claim the resources of a server that will move here."""
        return resize.prep_resize(op)

    @runs(operations.RESIZE_INSTANCE)
    @traced("ComputeManager.resize_instance")
    def resize_instance(self, op: HostOperation) -> NextPhase:
        """At the source: stop the guest and give the server to the destination."""
        return resize.resize_instance(op)

    @runs(operations.FINISH_RESIZE)
    @traced("ComputeManager.finish_resize")
    def finish_resize(self, op: HostOperation) -> None:
        """At the destination: start the guest with its new flavor."""
        resize.finish_resize(op)

    @runs(operations.CONFIRM_RESIZE)
    @traced("ComputeManager.confirm_resize")
    def confirm_resize(self, op: HostOperation) -> None:
        """At the source: remove what a revert would have needed."""
        resize_outcome.confirm_resize(op)

    @runs(operations.CONFIRM_AT_DESTINATION)
    @traced("ComputeManager.confirm_at_destination")
    def confirm_at_destination(self, op: HostOperation) -> None:
        """At the destination, because the source is down: remove what a revert would have needed
        from shared storage."""
        resize_outcome.confirm_at_destination(op)

    @runs(operations.REVERT_RESIZE)
    @traced("ComputeManager.revert_resize")
    def revert_resize(self, op: HostOperation) -> NextPhase:
        """At the destination: remove the guest and give the server back to the source."""
        return resize_outcome.revert_resize(op)

    @runs(operations.FINISH_REVERT_RESIZE)
    @traced("ComputeManager.finish_revert_resize")
    def finish_revert_resize(self, op: HostOperation) -> None:
        """At the source: start the guest as it was before the move."""
        resize_outcome.finish_revert_resize(op)

    @runs(operations.CHECK_CAN_LIVE_MIGRATE_SOURCE)
    @traced("ComputeManager.check_can_live_migrate_source")
    def check_can_live_migrate_source(self, op: HostOperation) -> NextPhase:
        """At the source: check a guest that will be moved while it runs."""
        return live_migration.check_can_live_migrate_source(op)

    @runs(operations.PRE_LIVE_MIGRATION)
    @traced("ComputeManager.pre_live_migration")
    def pre_live_migration(self, op: HostOperation) -> NextPhase:
        """At the destination: check the guest, and prepare what it needs here."""
        return live_migration.pre_live_migration(op)

    @runs(operations.LIVE_MIGRATION)
    @traced("ComputeManager.live_migration")
    def live_migration(self, op: HostOperation) -> NextPhase:
        """At the source: move the guest while it runs."""
        return live_migration.live_migration(op)

    @runs(operations.POST_LIVE_MIGRATION_AT_DESTINATION)
    @traced("ComputeManager.post_live_migration_at_destination")
    def post_live_migration_at_destination(self, op: HostOperation) -> None:
        """At the destination: the guest has arrived."""
        live_migration_outcome.post_live_migration_at_destination(op)

    @runs(operations.FIND_LIVE_MIGRATED_GUEST)
    @traced("ComputeManager.find_live_migrated_guest")
    def find_live_migrated_guest(self, op: HostOperation) -> NextPhase:
        """At the destination: find out whether the guest has arrived."""
        return live_migration_outcome.find_live_migrated_guest(op)

    @runs(operations.ROLLBACK_LIVE_MIGRATION)
    @traced("ComputeManager.rollback_live_migration")
    def rollback_live_migration(self, op: HostOperation) -> NextPhase:
        """At the source: cancel a live migration; the guest goes on running here."""
        return live_migration_outcome.rollback_live_migration(op)

    @runs(operations.ROLLBACK_LIVE_MIGRATION_AT_DESTINATION)
    @traced("ComputeManager.rollback_live_migration_at_destination")
    def rollback_live_migration_at_destination(self, op: HostOperation) -> NextPhase | None:
        """At the destination: remove what was prepared for a guest that does not come."""
        return live_migration_outcome.rollback_live_migration_at_destination(op)

    @runs(operations.EVACUATE_INSTANCE)
    @traced("ComputeManager.evacuate_instance")
    def evacuate_instance(self, op: HostOperation) -> None:
        """At the destination: start the guest of a server whose host is down."""
        evacuate.evacuate_instance(op)

    @runs(operations.SNAPSHOT_INSTANCE)
    @traced("ComputeManager.snapshot_instance")
    def snapshot_instance(self, op: HostOperation) -> None:
        """Upload the root disk into a queued Glance image."""
        snapshot.snapshot(op, op.parameters.image_id)

    @runs(operations.BACKUP_INSTANCE)
    @traced("ComputeManager.backup_instance")
    def backup_instance(self, op: HostOperation) -> None:
        """The same, then delete the oldest backups."""
        backup.backup(op, op.parameters)

    @runs(operations.HOST_ATTACH_INTERFACE)
    @traced("ComputeManager.attach_interface")
    def attach_interface(self, op: HostOperation) -> dict:
        """Returns the new VIF as a dict. Called by the API, which waits."""
        return interfaces.attach_interface(op, op.parameters)

    @runs(operations.HOST_DETACH_INTERFACE)
    @traced("ComputeManager.detach_interface")
    def detach_interface(self, op: HostOperation) -> None:
        interfaces.detach_interface(op, op.parameters.port_id)

    @runs(operations.REMOVE_INTERFACE)
    @traced("ComputeManager.remove_interface")
    def remove_interface(self, op: HostOperation) -> None:
        """Remove the NIC of a port that exists neither in Neutron nor in the record any more."""
        interfaces.remove_interface(op, op.parameters.vif)

    @runs(operations.HOST_ATTACH_VOLUME)
    @traced("ComputeManager.attach_volume")
    def attach_volume(self, op: HostOperation) -> None:
        """Attach a volume whose mapping was made by :meth:`reserve_block_device_name`, or by the
        API."""
        attached_volumes.attach_volume(op, op.parameters.bdm_uuid)

    @runs(operations.HOST_DETACH_VOLUME)
    @traced("ComputeManager.detach_volume")
    def detach_volume(self, op: HostOperation) -> None:
        attached_volumes.detach_volume(op, op.parameters.bdm_uuid)

    @runs(operations.HOST_SWAP_VOLUME)
    @traced("ComputeManager.swap_volume")
    def swap_volume(self, op: HostOperation) -> None:
        swap_volume.swap_volume(op, op.parameters)

    # -- other calls and casts ---------------------------------------------------------------

    @messaging.expected_exceptions(exception.NovaException)
    @traced("ComputeManager.reserve_block_device_name")
    def reserve_block_device_name(
        self, context: RequestContext, instance: Instance, action_id: int, asked: RequestedVolume
    ) -> BlockDeviceMapping:
        """Create the BlockDeviceMapping of a volume that action ``action_id`` will attach.

        The name ``asked`` is on the wire, so it does not change. Holds the
        server's lock, so that no device name is used twice. Called by the API.
        """
        with self.runner.server_locks.hold(instance.uuid):
            reserve = attached_volumes.reserve_block_device_name
            return reserve(self.driver, context, instance, action_id, asked)

    @messaging.expected_exceptions(exception.NovaException)
    def get_console_output(
        self, context: RequestContext, instance: Instance, tail_length: int | None = None
    ) -> str:
        """Return the last ``tail_length`` lines (None: all that are stored). Called by the API."""
        lines = self.driver.get_console_output(context, instance).decode("utf-8", "replace")
        if tail_length is None:
            return lines
        return "\n".join(lines.split("\n")[-int(tail_length) :]) if int(tail_length) else ""

    @messaging.expected_exceptions(exception.NovaException)
    def get_vnc_console(
        self, context: RequestContext, instance: Instance, console_type: str
    ) -> Connection:
        """Return where a proxy reaches the console. Called by the API."""
        return consoles.get_connection(self.driver, instance, ConsoleKind.VNC, console_type)

    @messaging.expected_exceptions(exception.NovaException)
    def get_spice_console(
        self, context: RequestContext, instance: Instance, console_type: str
    ) -> Connection:
        """Return where a proxy reaches the console. Called by the API."""
        return consoles.get_connection(self.driver, instance, ConsoleKind.SPICE, console_type)

    @messaging.expected_exceptions(exception.NovaException)
    def get_serial_console(
        self, context: RequestContext, instance: Instance, console_type: str
    ) -> Connection:
        """Return where a proxy reaches the console. Called by the API."""
        return consoles.get_connection(self.driver, instance, ConsoleKind.SERIAL, console_type)

    @messaging.expected_exceptions(exception.NovaException)
    def validate_console_port(
        self, context: RequestContext, instance_uuid: str, port: int, console_type: str
    ) -> bool:
        """Return whether the guest has this console at this port now. Called by the proxies."""
        return consoles.has_port(self.driver, instance_uuid, port, console_type)

    @messaging.expected_exceptions(exception.NovaException)
    def get_diagnostics(self, context: RequestContext, instance: Instance) -> dict[str, int]:
        """Return the counters of the guest in the format of 2.1. Called by the API."""
        running_guest.check(self.driver, instance, "get_diagnostics")
        return self.driver.get_diagnostics(instance)

    @messaging.expected_exceptions(exception.NovaException)
    def get_instance_diagnostics(
        self, context: RequestContext, instance: Instance
    ) -> dict[str, Any]:
        """Return the counters of the guest in the format of 2.48. Called by the API."""
        running_guest.check(self.driver, instance, "get_diagnostics")
        return self.driver.get_instance_diagnostics(instance).to_dict()

    @messaging.expected_exceptions(exception.NovaException)
    @traced("ComputeManager.cache_images")
    def cache_images(self, context: RequestContext, image_ids: list[str]) -> dict[str, str]:
        """Return image -> "cached" (now), "existing" or "error". Called by a conductor."""
        return {image_id: self._cache_image(context, image_id) for image_id in image_ids}

    def _cache_image(self, context, image_id: str) -> str:
        try:
            return "cached" if self.driver.cache_image(context, image_id) else "existing"
        except (exception.NovaException, OSError, processutils.ProcessExecutionError) as exc:
            LOG.error("Image %s: could not be cached: %s", image_id, exc)
            return "error"

    @messaging.expected_exceptions(exception.NovaException)
    @traced("ComputeManager.discard_copy")
    def discard_copy(self, context: RequestContext, image_id: str, base_image_id: str) -> None:
        """Remove the data of the unfinished image ``image_id`` from shared storage. Its server was
        made from ``base_image_id``. Called by a conductor."""
        self.driver.discard_copy(context, image_id, base_image_id)

    def remove_orphans(self, context: RequestContext, instance_uuid: str) -> None:
        """Remove what this host has of a server that was deleted on another host. Cast by that
        host, or a conductor; without the message, a periodic task removes it."""
        with self.runner.server_locks.hold(instance_uuid):
            self._destroy_orphaned_guest(instance_uuid)

    @messaging.expected_exceptions(exception.NovaException)
    def examine(self, context: RequestContext) -> list[HostFinding]:
        """Return the findings on this host: see ``compute.host.audit``. Called by the doctor."""
        return audit.audit(self.services)

    @messaging.expected_exceptions(exception.NovaException)
    def repair(self, context: RequestContext, kind: str, instance_uuid: str) -> None:
        """Repair a finding of :meth:`examine`. Called by the doctor."""
        with self.runner.server_locks.hold(instance_uuid):
            audit.repair(self.services, kind, instance_uuid)

    def live_migration_requested(self, context: RequestContext, instance_uuid: str) -> None:
        """A user has requested something of a live migration from this host. Cast by the API."""
        self.services.live_requests.add(instance_uuid)
        self.runner.run_at_once(instance_uuid)

    def external_instance_event(self, context: RequestContext, events: list[ExternalEvent]) -> None:
        """Handle events of Neutron and Cinder about servers here. Cast by the API."""
        external_events.handle(self, context, events)

    # -- periodic tasks and callbacks --------------------------------------------------------

    def _handle_lifecycle_event(self, event) -> None:
        self.runner.submit(power_sync.sync_one, self.driver, event.uuid)

    def _sync_power_states(self) -> None:
        servers = power_sync.sync_power_states(self.driver, self.host)
        if not self._to_heal:
            self._to_heal = [each.uuid for each in servers if each.task_state is None]

    def _destroy_orphans(self) -> None:
        orphans.destroy_all(self.services, orphans.ALL.values())
        orphans.clean_shared_disks(self.services)

    def _release_ended_moves(self) -> None:
        """The other host may have ended a move, or the server was deleted meanwhile."""
        if uuids := self.rt.release_ended_moves():
            orphans.destroy_all(self.services, [orphans.GUEST], uuids)

    def _complete_evacuations(self) -> None:
        evacuated.complete(self.services)

    def _poll_shelved_instances(self) -> None:
        for context, action in shelved_servers.begin_offloads(self.host):
            self._resume(context, action)

    def _heal_instance_info_cache(self) -> None:
        """Refresh the network information of one server, for changes without an event (security
        groups) and for lost events.

        One server per run, in turn, so that the load on Neutron does not grow with the number of
        servers. The list of servers comes from the last comparison of their power states.
        """
        if self._to_heal:
            self._refresh_network_info(get_admin_context(), self._to_heal.pop())

    def _refresh_network_info(self, context, uuid: str) -> None:
        try:
            self.network_refresher.refresh(context, uuid)
        except exception.NovaException as exc:
            LOG.warning("Instance %s: could not refresh its network information: %s", uuid, exc)

    def _manage_image_cache(self) -> None:
        instances = InstanceList.get_by_host(get_admin_context(), self.host)
        used = {i.image_ref for i in instances if i.image_ref}
        self.driver.manage_image_cache(get_admin_context(), used)

    def _destroy_orphaned_guest(self, instance_uuid: str) -> None:
        """Remove what an operation that lost the ownership of its server has made here."""
        orphans.destroy_all(self.services, [orphans.GUEST], [instance_uuid])
