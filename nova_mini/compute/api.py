"""The interface of Compute for the HTTP API.

Every change is checked here, committed as an intent (see ``actions.intents``), and then sent to a
conductor or a host. Each method that changes a server may raise ``InstanceInvalidState``,
``InstanceIsLocked`` or ``UnexpectedTaskStateError`` (409).
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
from collections.abc import Callable
from typing import Any

from nova_mini import exception, policy, quota
from nova_mini.actions import intents, operations
from nova_mini.actions.parameters import (
    AttachInterfaceParameters,
    DeleteParameters,
    DetachInterfaceParameters,
    LiveMigrateParameters,
    MigrateParameters,
    Parameters,
    RebootParameters,
    RevertParameters,
    SnapshotParameters,
    SwapVolumeParameters,
    UnshelveDestination,
    UnshelveParameters,
    VolumeParameters,
)
from nova_mini.actions.registry import Action
from nova_mini.compute.requests import (
    block_device_request,
    boot_source,
    boot_volumes,
    create_checks,
    destination,
    guest_option_checks,
    live_migration_request,
    move_request,
    new_instances,
    rebuild_request,
    rescue_request,
    volume_request,
)
from nova_mini.compute.requests.image_records import ImageRecords
from nova_mini.compute.requests.server_request import ServerRequest
from nova_mini.context import RequestContext
from nova_mini.external import shelved_image, snapshot_record, volume_backed_image
from nova_mini.image import glance, kernels
from nova_mini.network import neutron
from nova_mini.notifications import notify_about_server_group_update
from nova_mini.objects import instance_creation, quota_claims
from nova_mini.objects.block_device_mapping import BlockDeviceMapping, NewDisk
from nova_mini.objects.external_event import ExternalEvent
from nova_mini.objects.flavor import Flavor
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.objects.instance_creation import NewInstance
from nova_mini.objects.instance_group import InstanceGroup
from nova_mini.objects.migration import Migration
from nova_mini.objects.network_model import NetworkRequest
from nova_mini.policies import servers as server_policy
from nova_mini.rpcapi import compute as compute_rpcapi
from nova_mini.rpcapi import conductor as conductor_rpcapi
from nova_mini.states import migration_states, state_checks, task_states, vm_states
from nova_mini.trace import Steps, collecting, traced
from nova_mini.volume import cinder

LOG = logging.getLogger(__name__)

_NOT_DELETING = tuple(task_states.ALL - {task_states.DELETING})
_REBOOT_TASK = {"SOFT": task_states.REBOOTING, "HARD": task_states.REBOOTING_HARD}


class API:
    """Safe for threads. Its only state is the cache of image records."""

    def __init__(self) -> None:
        self.compute_task_api = conductor_rpcapi.ComputeTaskAPI()
        self.compute_rpcapi = compute_rpcapi.ComputeAPI()
        self.network_api = neutron.API()
        self.image_api = glance.API()
        self.volume_api = cinder.API()
        self.image_records = ImageRecords(self.image_api)

    # -- create ----------------------------------------------------------------------------------

    @traced("API.create")
    def create(self, context: RequestContext, request: ServerRequest) -> list[Instance]:
        """Record new servers and send their builds to a conductor.

        Returns the servers, which share a ``reservation_id``. Raises Invalid (400), OverQuota
        (403), and the errors of Glance and Neutron.
        """
        with collecting() as steps:
            return self._create_instance(context, request, steps)

    @traced("API._create_instance")
    def _create_instance(
        self, context: RequestContext, request: ServerRequest, steps: Steps
    ) -> list[Instance]:
        limits = quota_claims.Limits(*quota.get_project_and_user_limits(context))
        create_checks.check_metadata(request.metadata, limits.of_project)
        create_checks.check_injected_files(request.injected_files, limits.of_project)
        group = create_checks.load_group(context, request.scheduler_hints)
        create_checks.check_multi_create(request)
        key_data = create_checks.load_key(context, request.key_name)
        resolved = destination.resolve(context, request)
        count = self._count_within_quota(context, request, limits)
        disks = self._build_disks(context, request)
        image = self._boot_image(context, request, disks, resolved.availability_zone)
        guest_option_checks.check_new(request.flavor, image)
        count = self._validate_networks(context, request, count)
        new = new_instances.new_instances(context, request, image, disks, key_data, resolved, count)
        actions = self._record(context, new, limits, steps, group)
        self._make_volumes(context, new)
        self.compute_task_api.schedule_and_build_instances(context, actions)
        return [item.instance for item in new]

    def _record(
        self,
        context: RequestContext,
        new: list[NewInstance],
        limits: quota_claims.Limits,
        steps: Steps,
        group: InstanceGroup | None,
    ) -> list[InstanceAction]:
        if group is None:
            return instance_creation.create(context, new, limits, steps)
        try:
            actions = instance_creation.create(context, new, limits, steps, group.uuid)
        except exception.InstanceGroupNotFound as exc:  # it was deleted meanwhile
            raise exception.InvalidInput(reason=exc.format_message()) from exc
        members = {"instance_uuids": [item.instance.uuid for item in new]}
        notify_about_server_group_update(context, group, "addmember", members)
        return actions

    def _make_volumes(self, context: RequestContext, new: list[NewInstance]) -> None:
        """Create the volumes of new servers. If Cinder refuses one, delete the servers."""
        try:
            boot_volumes.make_volumes(context, self.volume_api, new)
        except exception.NovaException:
            for item in new:
                with contextlib.suppress(exception.InstanceNotFound):
                    self.delete(context, Instance.get_by_uuid(context, item.instance.uuid))
            raise

    def _count_within_quota(
        self, context: RequestContext, request: ServerRequest, limits: quota_claims.Limits
    ) -> int:
        each = {"cores": request.flavor.vcpus, "ram": request.flavor.memory_mb}
        return quota_claims.count_that_fit(
            context, each, limits, request.min_count, request.max_count
        )

    def _build_disks(self, context: RequestContext, request: ServerRequest) -> list[NewDisk]:
        """Return the disks of the request, merged with those that a volume-backed image names."""
        image_id = request.image_ref
        image = self._get_image(context, image_id) if image_id else ImageMeta()
        of_image = volume_backed_image.mappings_of(image)
        requested = block_device_request.requested_disks(request, of_image)
        disks = volume_backed_image.merge(of_image, requested)
        return block_device_request.build_disks(disks, image_id, request.flavor)

    def _boot_image(
        self,
        context: RequestContext,
        request: ServerRequest,
        disks: list[NewDisk],
        zone: str | None,
    ) -> ImageMeta:
        get_image = functools.partial(self._get_image, context)
        sources = boot_source.BootSources(context, self.volume_api, get_image, request)
        image = sources.resolve(disks, zone)
        if image.id and not request.flavor.root_gb:
            policy.authorize(context, server_policy.CREATE_ZERO_DISK_FLAVOR)
        return kernels.resolve(image, request.flavor, get_image)

    def _get_image(self, context: RequestContext, image_ref: str) -> ImageMeta:
        try:
            return self.image_records.get(context, image_ref)
        except (exception.ImageNotFound, exception.ImageNotAuthorized) as exc:
            raise exception.InvalidInput(
                reason=f"Can not find requested image {image_ref}"
            ) from exc

    def _validate_networks(
        self, context: RequestContext, request: ServerRequest, count: int
    ) -> int:
        """Check that requested networks and security groups exist. Returns how many of ``count``
        servers can have their ports."""
        named = request.requested_networks not in ([], "none")
        if named or request.security_groups not in ([], ["default"]):
            create_checks.check_network_service()
        try:
            self.network_api.validate_security_groups(context, request.security_groups)
            count = self.network_api.validate_networks(context, request.requested_networks, count)
        except exception.NotFound as exc:
            raise exception.InvalidInput(reason=exc.format_message()) from exc
        if count < request.min_count:
            raise exception.PortLimitExceeded()
        return count

    # -- delete ----------------------------------------------------------------------------------

    def delete(self, context: RequestContext, instance: Instance) -> None:
        """Delete from any state; supersedes running actions; idempotent."""
        allowed = state_checks.check(context, instance, "delete")
        if instance.task_state == task_states.DELETING:
            return
        instance.task_state = task_states.DELETING
        instance.progress = 0
        allowed = dataclasses.replace(allowed, task_states=_NOT_DELETING)
        try:
            action = self._begin(context, instance, operations.DELETE, allowed, DeleteParameters())
        except exception.UnexpectedTaskStateError:
            return  # a concurrent request has begun the delete
        self._send(context, action)

    # -- power -----------------------------------------------------------------------------------

    def reboot(self, context: RequestContext, instance: Instance, reboot_type: str) -> None:
        """``reboot_type``: SOFT (the guest is asked to shut down) or HARD."""
        hard = reboot_type == "HARD"
        allowed = state_checks.check(context, instance, "hard reboot" if hard else "reboot")
        instance.task_state = _REBOOT_TASK[reboot_type]
        parameters = RebootParameters(reboot_type)
        self._send(context, self._begin(context, instance, operations.REBOOT, allowed, parameters))

    def start(self, context: RequestContext, instance: Instance) -> None:
        self._act(context, instance, operations.START, task_states.POWERING_ON)

    def stop(self, context: RequestContext, instance: Instance) -> None:
        self._act(context, instance, operations.STOP, task_states.POWERING_OFF)

    def pause(self, context: RequestContext, instance: Instance) -> None:
        self._act(context, instance, operations.PAUSE, task_states.PAUSING)

    def unpause(self, context: RequestContext, instance: Instance) -> None:
        self._act(context, instance, operations.UNPAUSE, task_states.UNPAUSING)

    def suspend(self, context: RequestContext, instance: Instance) -> None:
        self._act(context, instance, operations.SUSPEND, task_states.SUSPENDING)

    def resume(self, context: RequestContext, instance: Instance) -> None:
        self._act(context, instance, operations.RESUME, task_states.RESUMING)

    def _act(
        self, context: RequestContext, instance: Instance, action: Action, task_state: str
    ) -> None:
        """Begin and send an action without parameters."""
        allowed = state_checks.check(context, instance, action.starts_from or action.name)
        instance.task_state = task_state
        self._send(context, self._begin(context, instance, action, allowed))

    # -- shelve ----------------------------------------------------------------------------------

    def shelve(self, context: RequestContext, instance: Instance) -> None:
        """Save the root disk as an image, unless it is a volume, and remove the server from its
        host.

        Raises the errors of Glance; the server is unchanged then. First deletes the image of an
        earlier shelve that an administrator ended, because its id is about to be overwritten.
        """
        allowed = state_checks.check(context, instance, "shelve")
        if shelved_image.id_of(instance):
            shelved_image.delete(self.image_api, context, instance)
        if not instance.is_volume_backed:
            shelved_image.announce(context, instance)
        instance.task_state = task_states.SHELVING
        action = self._begin(context, instance, operations.SHELVE, allowed)
        if not instance.is_volume_backed:
            try:
                self.image_api.create(context, shelved_image.record(context, instance))
            except exception.NovaException:
                shelved_image.forget(instance)
                action.abandon(context, instance)
                raise
        self._send(context, action)

    def shelve_offload(self, context: RequestContext, instance: Instance) -> None:
        """Remove a shelved server from its host."""
        self._act(context, instance, operations.SHELVE_OFFLOAD, task_states.SHELVING_OFFLOADING)

    def unshelve(
        self, context: RequestContext, instance: Instance, requested: UnshelveDestination
    ) -> None:
        """Start a shelved server on its host or, if it is offloaded, on a host chosen now.

        Only an offloaded server may have a requested destination. Raises the errors of
        ``destination.check_unshelve``.
        """
        allowed = state_checks.check(context, instance, "unshelve")
        if requested:
            destination.check_unshelve(context, self.volume_api, instance, requested)
        instance.task_state = task_states.UNSHELVING
        allowed = dataclasses.replace(allowed, vm_states=(instance.vm_state,))
        parameters = UnshelveParameters(requested)
        action = self._begin(context, instance, operations.UNSHELVE, allowed, parameters)
        self._send(context, action)

    # -- move to another flavor or host ----------------------------------------------------------

    def resize(
        self,
        context: RequestContext,
        instance: Instance,
        flavor_id: str,
        auto_disk_config: bool | None = None,
    ) -> None:
        """Give the server another flavor, usually on another host. The user confirms or reverts it
        then. ``auto_disk_config``: a new value of the server's field.

        Raises OverQuota and the errors of ``move_request.new_flavor``.
        """
        allowed = state_checks.check(context, instance, "resize")
        flavor = move_request.new_flavor(context, instance, flavor_id)
        if auto_disk_config is not None:
            instance.auto_disk_config = auto_disk_config
        self._move(context, instance, operations.RESIZE, allowed, flavor, MigrateParameters())

    def migrate(self, context: RequestContext, instance: Instance, host: str | None = None) -> None:
        """Move the server to another host, to ``host`` if it is given. The guest is stopped
        meanwhile. An administrator confirms or reverts it then.

        Raises the errors of ``move_request.check_destination``.
        """
        allowed = state_checks.check(context, instance, "migrate")
        if host is not None:
            move_request.check_destination(context, instance, host)
        parameters = MigrateParameters(host=host)
        self._move(context, instance, operations.MIGRATE, allowed, instance.flavor, parameters)

    def _move(
        self,
        context: RequestContext,
        instance: Instance,
        action: Action,
        allowed: state_checks.Allowed,
        flavor: Flavor,
        parameters: MigrateParameters,
    ) -> None:
        move_request.check_source(instance)
        owner = (instance.project_id, instance.user_id)
        limits = quota_claims.Limits(*quota.get_project_and_user_limits(context, *owner))
        migration = Migration.begin(context, instance, flavor)
        instance.task_state = task_states.RESIZE_PREP
        begun = self._begin(
            context,
            instance,
            action,
            allowed,
            parameters,
            with_records=functools.partial(migration.insert, owner, limits),
        )
        self._send(context, begun)

    def confirm_resize(self, context: RequestContext, instance: Instance) -> None:
        """Keep the server as it is after a resize or a migration. Raises
        MigrationNotFoundForInstance."""
        allowed = state_checks.check(context, instance, "confirmResize")
        migration = Migration.get_open(context, instance.uuid)
        migration.status = migration_states.CONFIRMING
        instance.task_state = task_states.RESIZE_CONFIRMING
        action = self._begin(
            context,
            instance,
            operations.CONFIRM,
            allowed,
            at_host=migration.source_compute,
            with_records=migration.write,
        )
        self._send(context, action)

    def revert_resize(self, context: RequestContext, instance: Instance) -> None:
        """Bring the server back to the host and flavor that it had before. Raises
        MigrationNotFoundForInstance."""
        allowed = state_checks.check(context, instance, "revertResize")
        migration = Migration.get_open(context, instance.uuid)
        migration.status = migration_states.REVERTING
        instance.task_state = task_states.RESIZE_REVERTING
        action = self._begin(
            context,
            instance,
            operations.REVERT,
            allowed,
            RevertParameters(),
            with_records=migration.write,
        )
        self._send(context, action)

    # -- live migration ----------------------------------------------------------------------------

    def live_migrate(
        self, context: RequestContext, instance: Instance, parameters: LiveMigrateParameters
    ) -> None:
        """Move the guest to another host while it runs.

        Raises the errors of ``move_request.check_destination``, and SourceServiceUnavailable if
        the host of the server does not report.
        """
        allowed = state_checks.check(context, instance, "os-migrateLive")
        move_request.check_live_source(context, instance)
        if parameters.host is not None:
            move_request.check_destination(context, instance, parameters.host)
        owner = (instance.project_id, instance.user_id)
        limits = quota_claims.Limits(*quota.get_project_and_user_limits(context, *owner))
        migration = Migration.begin_live(context, instance)
        instance.task_state = task_states.MIGRATING
        begun = self._begin(
            context,
            instance,
            operations.LIVE_MIGRATE,
            allowed,
            parameters,
            with_records=functools.partial(migration.insert, owner, limits),
        )
        self._send(context, begun)

    def live_migrate_abort(
        self, context: RequestContext, instance: Instance, migration_id: str, *, also_queued: bool
    ) -> None:
        """Cancel a live migration; the guest stays at its source. ``also_queued``: also one whose
        guest does not move yet. Raises the errors of ``live_migration_request.find``."""
        allowed = state_checks.check(context, instance, "abort live migration")
        statuses = [migration_states.RUNNING]
        if also_queued:
            statuses += [migration_states.QUEUED, migration_states.PREPARING]
        self._request_of_migration(
            context, instance, allowed, migration_id, live_migration_request.ABORT, statuses
        )

    def live_migrate_force_complete(
        self, context: RequestContext, instance: Instance, migration_id: str
    ) -> None:
        """Let a live migration end soon, even if the guest is paused for it. Raises the errors of
        ``live_migration_request.find``."""
        allowed = state_checks.check(context, instance, "force_complete")
        requested = live_migration_request.FORCE_COMPLETE
        statuses = [migration_states.RUNNING]
        self._request_of_migration(context, instance, allowed, migration_id, requested, statuses)

    def _request_of_migration(
        self,
        context: RequestContext,
        instance: Instance,
        allowed: state_checks.Allowed,
        migration_id: str,
        requested: live_migration_request.Requested,
        statuses: list[str],
    ) -> None:
        """Store the request in the migration, and in the history of the server. The message to the
        source only makes it act at once."""
        found = live_migration_request.find(instance, migration_id, requested, statuses)
        InstanceAction.begin(
            context,
            instance,
            requested.action,
            with_records=functools.partial(
                live_migration_request.store, instance, found.id, requested, statuses
            ),
            expected_task_state=allowed.task_states,
        )
        self.compute_rpcapi.live_migration_requested(context, found.source_compute, instance.uuid)

    # -- intents ---------------------------------------------------------------------------------

    def _begin(
        self,
        context: RequestContext,
        instance: Instance,
        action: Action,
        allowed: state_checks.Allowed,
        parameters: Parameters | None = None,
        **options: Any,
    ) -> InstanceAction:
        """Commit an intent: the changed fields of the server and a new action. ``options``: see
        ``intents.begin``."""
        return intents.begin(
            context,
            instance,
            action,
            parameters,
            expected_task_state=allowed.task_states,
            expected_vm_state=allowed.vm_states,
            **options,
        )

    def _send(self, context: RequestContext, action: InstanceAction) -> None:
        """Cast the action to the server's host, or to a conductor if the server has no host."""
        (self.compute_rpcapi if action.host else self.compute_task_api).send(context, action)

    # -- rebuild and snapshot --------------------------------------------------------------------

    def rebuild(
        self, context: RequestContext, instance: Instance, request: rebuild_request.RebuildRequest
    ) -> None:
        """Replace the root disk by a new one from an image; uuid and addresses stay.

        Raises Invalid, OverQuota.
        """
        allowed = state_checks.check(context, instance, "rebuild")
        limits, _ = quota.get_project_and_user_limits(context)
        create_checks.check_injected_files(request.injected_files, limits)
        create_checks.check_metadata(request.metadata or {}, limits)
        image = self._get_image(context, request.image_ref)
        rebuild_request.check_image(context, self.volume_api, instance, request, image)
        guest_option_checks.check_on_host(instance.flavor, image)
        get_image = functools.partial(self._get_image, context)
        image = kernels.resolve(image, instance.flavor, get_image)
        parameters = rebuild_request.apply(context, instance, request, image)
        instance.task_state = task_states.REBUILDING
        action = self._begin(context, instance, operations.REBUILD, allowed, parameters)
        self._send(context, action)

    def snapshot(
        self, context: RequestContext, instance: Instance, name: str, properties: dict[str, str]
    ) -> str:
        """Make an image of the server. Returns the id of the image, which is still queued.

        The intent is committed first: if this process dies before it has created the image, the
        host finds no image and ends the action.
        """
        allowed = state_checks.check(context, instance, "createImage")
        record = snapshot_record.image_record(context, instance, name, properties)
        instance.task_state = task_states.IMAGE_SNAPSHOT_PENDING
        parameters = SnapshotParameters(record["id"])
        action = self._begin(context, instance, operations.CREATE_IMAGE, allowed, parameters)
        try:
            self.image_api.create(context, record)
        except exception.NovaException:
            action.abandon(context, instance)
            raise
        self._send(context, action)
        return record["id"]

    # -- rescue ----------------------------------------------------------------------------------

    def rescue(
        self, context: RequestContext, instance: Instance, request: rescue_request.RescueRequest
    ) -> None:
        """Start the server from a rescue disk, with its own root disk beside it.

        Raises UnsupportedRescueImage and InstanceNotRescuable (400), Conflict, and the errors of
        ``rescue_request``.
        """
        allowed = state_checks.check(context, instance, "rescue")
        get_image = functools.partial(self._get_image, context)
        image = rescue_request.find_image(instance, request, get_image)
        parameters = rescue_request.check(context, self.volume_api, instance, request, image)
        instance.task_state = task_states.RESCUING
        self._send(context, self._begin(context, instance, operations.RESCUE, allowed, parameters))

    def unrescue(self, context: RequestContext, instance: Instance) -> None:
        """Start the server from its own root disk again, and remove the rescue disk."""
        self._act(context, instance, operations.UNRESCUE, task_states.UNRESCUING)

    # -- interfaces ------------------------------------------------------------------------------

    def attach_interface(
        self, context: RequestContext, instance: Instance, request: NetworkRequest
    ) -> dict[str, Any]:
        """Attach an interface and wait for the host. Returns ``VIF.to_dict()``.

        Raises InterfaceAttachDelayed if the host will retry later, and the errors of Neutron and
        the host.
        """
        allowed = state_checks.check(context, instance, "attach_interface")
        create_checks.check_network_service()
        self.network_api.validate_networks(context, [request], 1)
        parameters = AttachInterfaceParameters(
            port_id=request.port_id,
            network_id=request.network_id,
            fixed_ip=request.address,
            tag=request.tag,
        )
        action = self._begin(context, instance, operations.ATTACH_INTERFACE, allowed, parameters)
        vif = self.compute_rpcapi.run_action(context, action)
        if vif is None:
            raise exception.InterfaceAttachDelayed(instance_uuid=instance.uuid)
        return vif

    def detach_interface(self, context: RequestContext, instance: Instance, port_id: str) -> None:
        """Raises PortNotFound if the server has no such interface."""
        allowed = state_checks.check(context, instance, "detach_interface")
        if instance.network_info.get(port_id) is None:
            raise exception.PortNotFound(port_id=port_id)
        parameters = DetachInterfaceParameters(port_id)
        action = self._begin(context, instance, operations.DETACH_INTERFACE, allowed, parameters)
        self._send(context, action)

    def add_security_group(self, context: RequestContext, instance: Instance, name: str) -> None:
        """Add the group to all interfaces.

        Raises SecurityGroupNotFound, SecurityGroupCannotBeApplied.
        """
        self._change_security_groups(context, instance, name, self.network_api.add_security_group)

    def remove_security_group(self, context: RequestContext, instance: Instance, name: str) -> None:
        """Remove the group from all interfaces. Raises SecurityGroupNotFound."""
        change = self.network_api.remove_security_group
        self._change_security_groups(context, instance, name, change)

    def _change_security_groups(
        self,
        context: RequestContext,
        instance: Instance,
        name: str,
        change: Callable[[RequestContext, Instance, str], dict[str, list[str]]],
    ) -> None:
        """Change the groups in Neutron and in the record, and make the host refresh its network
        information."""
        state_checks.check(context, instance, "security groups")
        create_checks.check_network_service()
        instance.change_security_groups(change(context, instance, name))
        if instance.host is not None:
            event: ExternalEvent = {
                "name": "network-changed",
                "server_uuid": instance.uuid,
                "status": "completed",
            }
            self.compute_rpcapi.external_instance_event(context, instance.host, [event])

    # -- volumes ---------------------------------------------------------------------------------

    @traced("API.attach_volume")
    def attach_volume(
        self, context: RequestContext, instance: Instance, request: volume_request.AttachRequest
    ) -> BlockDeviceMapping:
        """Attach a volume. Returns its mapping while the host still connects the volume.

        Raises VolumeNotFound, InvalidVolume and VolumeEncryptionNotSupported (400),
        TooManyDiskDevices, DevicePathInUse, MultiattachNotSupported, and for a server on no host
        VolumeTaggedAttachToShelvedNotSupported, MultiattachToShelvedNotSupported.
        """
        allowed = state_checks.check(context, instance, "attach_volume")
        volume_request.check_volume(context, self.volume_api, instance, request)
        return self._attach_volume(context, instance, request, allowed)

    @traced("API._attach_volume")
    def _attach_volume(
        self,
        context: RequestContext,
        instance: Instance,
        request: volume_request.AttachRequest,
        allowed: state_checks.Allowed,
    ) -> BlockDeviceMapping:
        """Reserve the volume and cast the attach.

        The intent is committed first: if this process dies, the host (or a conductor, if the server
        has no host) resumes the action, or ends it if the volume is not reserved.
        """
        parameters = VolumeParameters(request.bdm_uuid)
        action = self._begin(context, instance, operations.ATTACH_VOLUME, allowed, parameters)
        bdm: BlockDeviceMapping | None
        try:
            bdm = self._create_volume_bdm(context, instance, request, action)
            volume_request.reserve(context, self.volume_api, instance, bdm, action.id)
        except Exception as exc:
            is_refused = volume_request.is_refusal(exc)
            # Without an answer, the mapping and the reservation may exist.
            bdm = None if is_refused else volume_request.find_reserved(context, request)
            if bdm is None:
                if not is_refused:  # let the host remove what was made
                    any_state = dataclasses.replace(allowed, task_states=None, vm_states=None)
                    detach = operations.DETACH_VOLUME
                    self._send(
                        context, self._begin(context, instance, detach, any_state, parameters)
                    )
                action.abandon(context, instance)
                raise
        self._send(context, action)
        return bdm

    @traced("API._create_volume_bdm")
    def _create_volume_bdm(
        self,
        context: RequestContext,
        instance: Instance,
        request: volume_request.AttachRequest,
        action: InstanceAction,
    ) -> BlockDeviceMapping:
        if instance.host is None:
            return volume_request.create_mapping(context, instance, request, action.id)
        return self.compute_rpcapi.reserve_block_device_name(
            context, instance, action, request.mapping()
        )

    @traced("API.detach_volume")
    def detach_volume(self, context: RequestContext, instance: Instance, volume_id: str) -> None:
        """Detach a volume. Once the intent is committed, the detach will be done even if Cinder is
        not reachable: the host may have resumed the action already.

        For a server on no host, the volume is only reserved, so Cinder has nothing to begin. Raises
        VolumeNotAttached, InvalidVolume (not in use), Forbidden (a root disk).
        """
        allowed = state_checks.check(context, instance, "detach_volume")
        bdm = BlockDeviceMapping.get_by_volume(context, instance.uuid, volume_id)
        volume_request.check_detach(bdm)
        parameters = VolumeParameters(bdm.uuid)
        action = self._begin(context, instance, operations.DETACH_VOLUME, allowed, parameters)
        try:
            if instance.host is not None:
                self.volume_api.begin_detaching(context, volume_id)
        except (exception.InvalidVolume, exception.VolumeNotFound):
            if volume_request.is_reserved(context, self.volume_api, bdm):
                action.abandon(context, instance)
                raise
        except exception.CinderConnectionFailed as exc:
            LOG.info("Volume %s: detaching without an answer of Cinder: %s", volume_id, exc)
        self._send(context, action)

    def check_migration(self, context: RequestContext, volume_id: str) -> None:
        """Raises Conflict unless Cinder is migrating the volume: only Cinder may request a swap.

        The status is read as the service, because Cinder hides it from users.
        """
        volume_request.check_volume_service()
        if not self.volume_api.get(context, volume_id, as_service=True).migration_status:
            raise exception.Conflict(
                f"volume {volume_id} is not migrating; this API should only be called by Cinder"
            )

    @traced("API.swap_volume")
    def swap_volume(
        self, context: RequestContext, instance: Instance, old_volume_id: str, new_volume_id: str
    ) -> None:
        """Replace an attached volume by another one with a copy of its data, while the server runs.

        Once the intent is committed, the swap will be done even if Cinder is not reachable. Raises
        VolumeNotAttached, and the errors of ``volume_request.check_swap``.
        """
        allowed = state_checks.check(context, instance, "swap_volume")
        bdm = BlockDeviceMapping.get_by_volume(context, instance.uuid, old_volume_id)
        volume_request.check_swap(context, self.volume_api, bdm, instance, new_volume_id)
        parameters = SwapVolumeParameters(
            bdm_uuid=bdm.uuid,
            old_volume_id=old_volume_id,
            old_attachment_id=bdm.attachment_id,
            new_volume_id=new_volume_id,
        )
        action = self._begin(context, instance, operations.SWAP_VOLUME, allowed, parameters)
        try:
            volume_request.reserve_swap(
                context, self.volume_api, instance, old_volume_id, new_volume_id
            )
        except Exception as exc:
            if volume_request.is_refusal(exc):
                action.abandon(context, instance)
                raise
        self._send(context, action)

    # -- only the record -------------------------------------------------------------------------

    def update(self, context: RequestContext, instance: Instance, changes: dict[str, Any]) -> None:
        """Set fields that no host uses (names, description, access addresses)."""
        for name, value in changes.items():
            setattr(instance, name, value)
        instance.save()

    def lock(self, context: RequestContext, instance: Instance, reason: str | None = None) -> None:
        is_owner = instance.project_id == context.project_id
        if instance.locked and is_owner:
            return  # an administrator's lock is not replaced
        instance.locked = True
        instance.locked_by = "owner" if is_owner else "admin"
        instance.locked_reason = reason
        InstanceAction.begin(context, instance, "lock", expected_task_state=None)

    def unlock(self, context: RequestContext, instance: Instance) -> None:
        instance.locked = False
        instance.locked_by = instance.locked_reason = None
        InstanceAction.begin(context, instance, "unlock", expected_task_state=None)

    def reset_state(self, context: RequestContext, instance: Instance, state: str) -> None:
        """Set the vm_state to ``active`` or ``error``, and the task_state to None.

        Ends all actions of the server; processes that run them lose the ownership.
        """
        instance.vm_state = vm_states.ACTIVE if state == "active" else vm_states.ERROR
        instance.task_state = None
        InstanceAction.reset(context, instance)

    def update_metadata(
        self,
        context: RequestContext,
        instance: Instance,
        metadata: dict[str, str],
        *,
        replace: bool = False,
    ) -> dict[str, str]:
        """Add to the server's metadata, or replace it. Returns all metadata. Raises OverQuota."""
        state_checks.check(context, instance, "update metadata")
        limits, _ = quota.get_project_and_user_limits(context)
        instance.change_metadata(
            metadata, removed=None if replace else (), allowed=limits["metadata_items"]
        )
        return instance.metadata

    def delete_metadata(self, context: RequestContext, instance: Instance, key: str) -> None:
        state_checks.check(context, instance, "delete metadata")
        instance.change_metadata({}, removed=[key])

    # -- calls of the host -----------------------------------------------------------------------

    def get_console_output(
        self, context: RequestContext, instance: Instance, tail_length: int | None
    ) -> str:
        """Raises InstanceNotReady if the server is on no host, and the errors of the host."""
        if instance.host is None:
            raise exception.InstanceNotReady(instance_id=instance.uuid)
        return self.compute_rpcapi.get_console_output(context, instance, instance.host, tail_length)
