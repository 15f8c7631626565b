"""The compute service: operations on the servers of one host.

Each method says what is done and is three lines long; how it is done stands in a file of its own,
and what every operation has around it in ``operation``.
"""

from __future__ import annotations

import logging
import threading
from concurrent import futures

import oslo_messaging as messaging
from oslo_concurrency import lockutils, processutils

from nova_mini import exception
from nova_mini.compute import (
    delete,
    events,
    examination,
    interfaces,
    leftovers,
    power,
    rebuild,
    shelve,
    shelve_offload,
    shelved_servers,
    snapshot,
    swap_volume,
    sync,
    unshelve,
    volumes,
)
from nova_mini.compute.build import InstanceBuild
from nova_mini.compute.operation import await_earlier_actions, error_on_failure, operation
from nova_mini.compute.resource_tracker import ResourceTracker
from nova_mini.compute.waiting_contexts import WaitingContexts
from nova_mini.conf import CONF
from nova_mini.context import RequestContext, get_admin_context
from nova_mini.image import glance
from nova_mini.network import neutron
from nova_mini.objects.compute_node import ComputeNode
from nova_mini.objects.instance import Instance, InstanceList
from nova_mini.running_actions import RunningActions
from nova_mini.service import Manager, Periodic
from nova_mini.trace import traced
from nova_mini.virt.driver import load_compute_driver
from nova_mini.virt.virtapi import VirtAPI
from nova_mini.volume import cinder

LOG = logging.getLogger(__name__)


class ComputeVirtAPI(VirtAPI):
    def __init__(self, instance_events: events.InstanceEvents, network_api, volume_api):
        self._events = instance_events
        self._network_api = network_api
        self._volume_api = volume_api

    def wait_for_instance_event(
        self, instance, events_awaited, *, deadline=300, error_callback=None
    ):
        def on_failure(name: str) -> bool:
            return error_callback is None or error_callback(name, instance) is not False

        def has_happened(key: events.EventKey) -> bool:
            ask = {"network-vif-plugged": self._is_wired, "volume-reimaged": self._is_reimaged}
            return key[0] in ask and ask[key[0]](key[1])

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
            LOG.warning("Cannot ask whether port %s is wired: %s", port_id, exc)
            return False

    def _is_reimaged(self, volume_id: str) -> bool:
        try:
            return self._volume_api.get(get_admin_context(), volume_id).status != "downloading"
        except exception.NovaException as exc:
            LOG.warning("Cannot ask whether volume %s has its image: %s", volume_id, exc)
            return False


class ComputeManager(Manager):
    """RPC endpoint of ``compute.<host>``. ``owner`` is the incarnation under which it claims.

    Operations are sent as ``method(instance_uuid, action_id)`` and run as ``method(instance,
    **args)``: see ``operation``.
    """

    target = messaging.Target(version="1.0")

    def __init__(self, host: str, owner: str):
        self.host = host
        self.owner = owner
        self.endpoints = [self]
        self.instance_events = events.InstanceEvents()
        self.network_api = neutron.API()
        self.image_api = glance.API()
        self.volume_api = cinder.API()
        self.virtapi = ComputeVirtAPI(self.instance_events, self.network_api, self.volume_api)
        self.driver = load_compute_driver(self.virtapi, CONF.compute_driver)
        self.rt = ResourceTracker(host, self.driver)
        self.running_actions = RunningActions()
        self.waiting_contexts = WaitingContexts()
        self._builds = threading.BoundedSemaphore(CONF.max_concurrent_builds or 10_000)
        self._resumed = futures.ThreadPoolExecutor(8, thread_name_prefix="resumed")
        self._builds_failed = False
        self._to_heal: list[str] = []

    # -- life of the service -----------------------------------------------------------------

    def init_host(self) -> None:
        self.driver.init_host(self.host)
        self.driver.register_event_listener(self._handle_lifecycle_event)
        self.rt.init_host()

    def resume(self) -> None:
        """Look around. What the predecessor left is told at the first check-in."""
        self._resumed.submit(self._destroy_leftovers)
        self._resumed.submit(sync.sync_power_states, self.driver, self.host)

    def take_up(self, unfinished: list) -> None:
        """Do every action of this host that this process does not know of."""
        for action_id, method, uuid, context in unfinished:
            self._resumed.submit(self._go_on, method, uuid, action_id, context)

    def _go_on(self, method: str, uuid: str, action_id: int, context: dict) -> None:
        """The context is made in the thread that it is for: what is logged there is then told as
        of the request that asked for it."""
        operation = getattr(self, method)
        operation(RequestContext.from_dict(context), instance_uuid=uuid, action_id=action_id)

    def periodic_tasks(self) -> list[Periodic]:
        tasks = [
            (CONF.update_resources_interval, self.rt.update_available_resource),
            (CONF.sync_power_state_interval, self._sync_power_states),
            (CONF.sync_power_state_interval * 5, self._destroy_leftovers),
            (CONF.shelved_poll_interval, self._poll_shelved_instances),
            (CONF.image_cache.manager_interval, self._manage_image_cache),
        ]
        if CONF.heal_instance_info_cache_interval > 0:
            tasks.append((CONF.heal_instance_info_cache_interval, self._heal_instance_info_cache))
        return tasks

    def is_available(self) -> bool:
        return self.driver.is_available()

    def cleanup_host(self) -> None:
        self._resumed.shutdown(wait=False, cancel_futures=True)
        self.driver.cleanup_host(self.host)

    # -- operations --------------------------------------------------------------------------

    @operation
    @traced
    def build_and_run_instance(
        self, context, instance, admin_password=None, injected_files=(), requested_networks=None,
        security_groups=(), alternates=(), tried=(), reason=None,
    ) -> None:  # fmt: skip
        """Build a server that the scheduler gave to this host. Cast by the conductor.

        ``requested_networks``: NetworkRequest dicts, "auto" or "none"; ``injected_files``: [path,
        base64]; ``alternates``, ``tried`` and ``reason`` are the conductors' for the next host.
        The last host that tried may have the image, if it was deleted in Glance since.
        """
        with self._builds:
            InstanceBuild(
                self,
                context,
                instance,
                admin_password,
                injected_files,
                requested_networks,
                security_groups,
                fallback_from_host=tried[-1] if tried else None,
            )._do_build_and_run_instance()

    def terminate_instance(self, context, instance_uuid: str, action_id: int) -> None:
        """Delete a server. A build of it that waits for an event gives up at once."""
        self.instance_events.cancel(instance_uuid)
        self._terminate_instance(context, instance_uuid=instance_uuid, action_id=action_id)

    @operation
    @traced
    def _terminate_instance(self, context, instance, unfinished_images=()) -> None:
        """``unfinished_images``: ids of those that the delete cut off."""
        with error_on_failure(instance):
            delete.delete_instance(self, context, instance, unfinished_images)

    @operation
    @traced
    def stop_instance(self, context, instance) -> None:
        """Ask the guest to shut down, then switch it off."""
        power.stop(self, context, instance)

    @operation
    @traced
    def start_instance(self, context, instance) -> None:
        power.start(self, context, instance)

    @operation
    @traced
    def reboot_instance(self, context, instance, reboot_type: str) -> None:
        """``reboot_type``: SOFT or HARD."""
        power.reboot(self, context, instance, reboot_type)

    @operation
    @traced
    def pause_instance(self, context, instance) -> None:
        power.pause(self, context, instance)

    @operation
    @traced
    def unpause_instance(self, context, instance) -> None:
        power.unpause(self, context, instance)

    @operation
    @traced
    def suspend_instance(self, context, instance) -> None:
        power.suspend(self, context, instance)

    @operation
    @traced
    def resume_instance(self, context, instance) -> None:
        power.resume(self, context, instance)

    @operation
    @traced
    def rebuild_instance(
        self, context, instance, image_ref, orig_image_ref, admin_password=None,
        injected_files=(), preserve_ephemeral=False, reimage_boot_volume=False,
    ) -> None:  # fmt: skip
        """A new root disk from image ``image_ref``; one that is a volume keeps its content, but for
        ``reimage_boot_volume``. No driver of ours keeps ephemeral disks."""
        with error_on_failure(instance):
            rebuild.rebuild(
                self, context, instance, image_ref, admin_password, injected_files,
                reimage_boot_volume,
            )  # fmt: skip

    @operation
    @traced
    def shelve_instance(self, context, instance) -> None:
        """Switch it off and upload its root disk; then, mostly, take it off this host."""
        shelve.shelve(self, context, instance)

    @operation
    @traced
    def shelve_offload_instance(self, context, instance) -> None:
        """One that is SHELVED here leaves."""
        await_earlier_actions(context)
        shelve_offload.offload(self, context, instance)

    @operation
    @traced
    def unshelve_instance(self, context, instance, wishes=None) -> None:
        """One that is SHELVED here, or that a conductor has placed here; ``wishes`` are the
        conductors'."""
        unshelve.unshelve(self, context, instance)

    @operation
    @traced
    def snapshot_instance(self, context, instance, image_id: str) -> None:
        """Upload the root disk into a queued Glance image."""
        snapshot.snapshot(self, context, instance, image_id)

    @operation
    @traced
    def attach_interface(
        self, context, instance, port_id=None, network_id=None, fixed_ip=None, tag=None
    ) -> dict:
        """Called (the API waits): returns the new VIF as a dict."""
        return interfaces.attach_interface(
            self, context, instance, port_id, network_id, fixed_ip, tag
        )

    @operation
    @traced
    def detach_interface(self, context, instance, port_id: str) -> None:
        interfaces.detach_interface(self, context, instance, port_id)

    @operation
    @traced
    def attach_volume(self, context, instance, bdm_uuid: str) -> None:
        """``bdm_uuid``: the mapping that :meth:`reserve_block_device_name` made."""
        volumes.attach_volume(self, context, instance, bdm_uuid)

    @operation
    @traced
    def detach_volume(self, context, instance, bdm_uuid: str) -> None:
        volumes.detach_volume(self, context, instance, bdm_uuid)

    @operation
    @traced
    def swap_volume(
        self, context, instance, bdm_uuid: str, old_volume_id: str, old_attachment_id: str,
        new_volume_id: str,
    ) -> None:  # fmt: skip
        swap_volume.swap_volume(
            self, context, instance, bdm_uuid, old_volume_id, old_attachment_id, new_volume_id
        )

    # -- questions and hints -----------------------------------------------------------------

    @messaging.expected_exceptions(exception.NovaException)
    @traced
    def reserve_block_device_name(self, context, instance, action_id: int, asked: dict):
        """A BlockDeviceMapping for a volume that action ``action_id`` shall attach; called by the
        API. One at a time for each server, so that no name is given twice."""
        with lockutils.lock(f"{self.host}:{instance.uuid}"):
            return volumes.reserve_block_device_name(self, context, instance, action_id, asked)

    @messaging.expected_exceptions(exception.NovaException)
    def get_console_output(self, context, instance, tail_length=None) -> str:
        """The last ``tail_length`` lines (None: all that is kept). Called by the API."""
        lines = self.driver.get_console_output(context, instance).decode("utf-8", "replace")
        if tail_length is None:
            return lines
        return "\n".join(lines.split("\n")[-int(tail_length) :]) if int(tail_length) else ""

    @messaging.expected_exceptions(exception.NovaException)
    @traced
    def cache_images(self, context, image_ids: list[str]) -> dict[str, str]:
        """Image -> "cached" (now), "existing" (nothing to do) or "error". Called by a conductor."""
        return {image_id: self._cache_image(context, image_id) for image_id in image_ids}

    def _cache_image(self, context, image_id: str) -> str:
        try:
            return "cached" if self.driver.cache_image(context, image_id) else "existing"
        except (exception.NovaException, OSError, processutils.ProcessExecutionError) as exc:
            LOG.error("Image %s could not be cached: %s", image_id, exc)
            return "error"

    @messaging.expected_exceptions(exception.NovaException)
    @traced
    def discard_copy(self, context, image_id: str, base_image_id: str) -> None:
        """Nobody will finish the image ``image_id`` of a server that was made from
        ``base_image_id``: what the host has of it in a shared storage goes."""
        self.driver.discard_copy(context, image_id, base_image_id)

    @messaging.expected_exceptions(exception.NovaException)
    def examine(self, context) -> list[dict]:
        """What is wrong on this host: see ``examination``. Called by the doctor."""
        return examination.examine(self)

    @messaging.expected_exceptions(exception.NovaException)
    def repair(self, context, kind: str, instance_uuid: str) -> None:
        """Something that :meth:`examine` found. Called by the doctor."""
        with lockutils.lock(f"{self.host}:{instance_uuid}"):
            examination.repair(self, kind, instance_uuid)

    def external_instance_event(self, context, events: list[dict]) -> None:
        """What Neutron or Cinder said of servers here. Cast by the API."""
        for event in events:
            uuid, name, tag = event["server_uuid"], event["name"], event.get("tag")
            LOG.debug("Event %s of %s for instance %s", name, tag, uuid)
            self.instance_events.deliver(uuid, (name, tag), event.get("status", "completed"))
            if name.startswith("network-"):
                self._refresh_network_info(context, uuid)
            elif name == "volume-extended":
                self._extend_volume(context, uuid, tag)

    # -- rounds ------------------------------------------------------------------------------

    def _handle_lifecycle_event(self, event) -> None:
        self._resumed.submit(sync.sync_one, self.driver, event.uuid)

    def _sync_power_states(self) -> None:
        servers = sync.sync_power_states(self.driver, self.host)
        if not self._to_heal:
            self._to_heal = [each.uuid for each in servers if each.task_state is None]

    def _destroy_leftovers(self) -> None:
        leftovers.destroy_all(self, leftovers.ALL.values())
        leftovers.clean_shared_disks(self)

    def _poll_shelved_instances(self) -> None:
        for context, action in shelved_servers.begin_offloads(self.host):
            self._resumed.submit(
                self._go_on,
                "shelve_offload_instance",
                action.instance_uuid,
                action.id,
                context.to_dict(),
            )

    def _heal_instance_info_cache(self) -> None:
        """Take from Neutron what its events did not tell (security groups, a lost event).

        One server each time, in turn: a host with many servers asks no more than one with few.
        Which there are is known from the last look at their power states.
        """
        if self._to_heal:
            self._refresh_network_info(get_admin_context(), self._to_heal.pop())

    def _refresh_network_info(self, context, uuid: str) -> None:
        try:
            instance = Instance.get_by_uuid(context, uuid)
            network_info = self.network_api.get_instance_nw_info(context, instance)
            Instance.update_network_info(context, uuid, network_info.to_json())
        except exception.InstanceNotFound:
            LOG.debug("Instance %s is gone", uuid)

    def _extend_volume(self, context, uuid: str, volume_id: str) -> None:
        try:
            with lockutils.lock(f"{self.host}:{uuid}"):
                instance = Instance.get_by_uuid(context, uuid)
                volumes.extend_volume(self, context, instance, volume_id)
        except exception.NovaException as exc:
            LOG.warning("Instance %s does not see that its volume grew: %s", uuid, exc)

    def _manage_image_cache(self) -> None:
        instances = InstanceList.get_by_host(get_admin_context(), self.host)
        used = {i.image_ref for i in instances if i.image_ref}
        self.driver.manage_image_cache(get_admin_context(), used)

    # -- told by operations ----------------------------------------------------------------------

    def destroy_leftover(self, instance_uuid: str) -> None:
        """An operation has lost its server: what it made here may be nobody's now."""
        leftovers.destroy_all(self, [leftovers.GUEST], [instance_uuid])

    def build_failed(self) -> None:
        """The scheduler prefers hosts that do not fail."""
        self._builds_failed = True
        ComputeNode.count_build(get_admin_context(), self.host, failed=True)

    def build_succeeded(self) -> None:
        if self._builds_failed:
            self._builds_failed = False
            ComputeNode.count_build(get_admin_context(), self.host, failed=False)
