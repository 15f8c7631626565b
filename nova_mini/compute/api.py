"""What the HTTP API asks of Compute.

Every change is checked here, committed as an intent (see ``objects.instance_action``) and only then
told to a conductor or a host. ``InstanceInvalidState``, ``InstanceIsLocked`` and
``UnexpectedTaskStateError`` (409) may come from each of them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging

from nova_mini import exception, quota
from nova_mini.compute import (
    block_device_request,
    boot_source,
    boot_volumes,
    create,
    create_checks,
    destination,
    rebuild_request,
    shelved_image,
    snapshot_request,
    state_checks,
    task_states,
    vm_states,
    volume_backed_image,
    volume_request,
)
from nova_mini.compute import rpcapi as compute_rpcapi
from nova_mini.compute.image_records import ImageRecords
from nova_mini.compute.server_request import ServerRequest
from nova_mini.conductor import api as conductor_api
from nova_mini.image import glance
from nova_mini.network import neutron
from nova_mini.network.model import NetworkRequest
from nova_mini.objects import instance_creation
from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.objects.instance_creation import NewInstance
from nova_mini.trace import Steps, collecting, traced
from nova_mini.volume import cinder

LOG = logging.getLogger(__name__)

_NOT_DELETING = task_states.ALL - {task_states.DELETING}
_REBOOT_TASK = {"SOFT": task_states.REBOOTING, "HARD": task_states.REBOOTING_HARD}


class API:
    """Safe for threads; it remembers nothing but what neighbours said a moment ago."""

    def __init__(self):
        self.compute_task_api = conductor_api.ComputeTaskAPI()
        self.compute_rpcapi = compute_rpcapi.ComputeAPI()
        self.network_api = neutron.API()
        self.image_api = glance.API()
        self.volume_api = cinder.API()
        self.image_records = ImageRecords(self.image_api)

    # -- create ----------------------------------------------------------------------------------

    @traced
    def create(self, context, request: ServerRequest) -> list[Instance]:
        """The servers, recorded and on their way; they share a ``reservation_id``.

        Raises Invalid (400) with what to change, OverQuota (403), and what Glance and Neutron
        raise when they cannot be asked.
        """
        with collecting() as steps:
            return self._create_instance(context, request, steps)

    @traced
    def _create_instance(self, context, request: ServerRequest, steps: Steps) -> list[Instance]:
        limits = instance_creation.Limits(*quota.get_project_and_user_limits(context))
        create_checks.check_metadata(request.metadata, limits.of_project)
        create_checks.check_injected_files(request.injected_files, limits.of_project)
        create_checks.check_hints(request.scheduler_hints)
        create_checks.check_multi_create(request)
        key_data = create_checks.load_key(context, request.key_name)
        where = destination.resolve(context, request)
        count = self._count_within_quota(context, request, limits)
        mappings = self._build_mappings(context, request)
        image = self._boot_image(context, request, mappings, where["availability_zone"])
        count = self._validate_networks(context, request, count)
        new = create.new_instances(context, request, image, mappings, key_data, where, count)
        actions = instance_creation.create(context, new, limits, steps)
        self._make_volumes(context, new)
        self.compute_task_api.schedule_and_build_instances(context, actions)
        return [item.instance for item in new]

    def _make_volumes(self, context, new: list[NewInstance]) -> None:
        """A server that cannot have its volumes is not kept."""
        try:
            boot_volumes.make_volumes(context, self.volume_api, new)
        except exception.NovaException:
            for item in new:
                with contextlib.suppress(exception.InstanceNotFound):
                    self.delete(context, Instance.get_by_uuid(context, item.instance.uuid))
            raise

    def _count_within_quota(self, context, request: ServerRequest, limits) -> int:
        each = {"cores": request.flavor.vcpus, "ram": request.flavor.memory_mb}
        return instance_creation.count_within_quota(
            context, each, limits, request.min_count, request.max_count
        )

    def _build_mappings(self, context, request: ServerRequest) -> list[dict]:
        """The disks that the user asks for; those of the image where it is one of volumes."""
        asked, image_ref = request.block_device_mapping, request.image_ref
        if image_ref:
            of_image = volume_backed_image.mappings_of(self._get_image(context, image_ref))
            if of_image:
                asked, image_ref = of_image + asked, None
        return block_device_request.build_mappings(asked, image_ref, request.flavor)

    def _boot_image(self, context, request, mappings: list[dict], zone) -> ImageMeta:
        get_image = functools.partial(self._get_image, context)
        sources = boot_source.BootSources(context, self.volume_api, get_image, request)
        return sources.resolve(mappings, zone)

    def _get_image(self, context, image_ref: str) -> ImageMeta:
        try:
            return self.image_records.get(context, image_ref)
        except (exception.ImageNotFound, exception.ImageNotAuthorized) as exc:
            raise exception.InvalidInput(
                reason=f"Can not find requested image {image_ref}"
            ) from exc

    def _validate_networks(self, context, request: ServerRequest, count: int) -> int:
        """How many of ``count`` servers can have their ports. What the user names must be there."""
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

    def delete(self, context, instance: Instance) -> None:
        """From any state: what else is going on with the server ends. Twice is once."""
        allowed = state_checks.check(context, instance, "delete")
        if instance.task_state == task_states.DELETING:
            return
        instance.task_state = task_states.DELETING
        instance.progress = 0
        method = "terminate_instance" if instance.host else "delete_unscheduled_instance"
        allowed = dataclasses.replace(allowed, task_states=_NOT_DELETING)
        try:
            action = self._begin(context, instance, "delete", method, allowed)
        except exception.UnexpectedTaskStateError:
            return  # another request was quicker by a moment
        self._send(context, action)

    # -- power -----------------------------------------------------------------------------------

    def reboot(self, context, instance: Instance, reboot_type: str) -> None:
        """``reboot_type``: SOFT (the guest shuts down by itself, if it does) or HARD."""
        hard = reboot_type == "HARD"
        allowed = state_checks.check(context, instance, "hard reboot" if hard else "reboot")
        instance.task_state = _REBOOT_TASK[reboot_type]
        args = {"reboot_type": reboot_type}
        action = self._begin(context, instance, "reboot", "reboot_instance", allowed, args)
        self._send(context, action)

    def start(self, context, instance: Instance) -> None:
        self._act(context, instance, "start", task_states.POWERING_ON)

    def stop(self, context, instance: Instance) -> None:
        self._act(context, instance, "stop", task_states.POWERING_OFF)

    def pause(self, context, instance: Instance) -> None:
        self._act(context, instance, "pause", task_states.PAUSING)

    def unpause(self, context, instance: Instance) -> None:
        self._act(context, instance, "unpause", task_states.UNPAUSING)

    def suspend(self, context, instance: Instance) -> None:
        self._act(context, instance, "suspend", task_states.SUSPENDING)

    def resume(self, context, instance: Instance) -> None:
        self._act(context, instance, "resume", task_states.RESUMING)

    def _act(self, context, instance: Instance, name: str, task_state: str) -> None:
        """What takes no arguments: the host's method is ``<name>_instance``."""
        allowed = state_checks.check(context, instance, name)
        instance.task_state = task_state
        self._send(context, self._begin(context, instance, name, f"{name}_instance", allowed))

    # -- shelve ----------------------------------------------------------------------------------

    def shelve(self, context, instance: Instance) -> None:
        """Keep the server as an image (or, where it runs from one, as its volume) and take it off
        its host. Raises GlanceConnectionFailed when an image of an earlier attempt is to go first:
        an administrator had ended that one, and nobody else would know of the image then."""
        state_checks.check(context, instance, "shelve")
        if shelved_image.id_of(instance):
            shelved_image.delete(self.image_api, context, instance)
        if not instance.is_volume_backed:
            shelved_image.announce(context, instance)
        self._act(context, instance, "shelve", task_states.SHELVING)

    def shelve_offload(self, context, instance: Instance) -> None:
        """Take a server off its host that is shelved there."""
        name = "shelveOffload"
        allowed = state_checks.check(context, instance, name)
        instance.task_state = task_states.SHELVING_OFFLOADING
        action = self._begin(context, instance, name, "shelve_offload_instance", allowed)
        self._send(context, action)

    def unshelve(self, context, instance: Instance, wishes: dict[str, str | None]) -> None:
        """Back to its host or, from none, to one that is chosen now.

        ``wishes``: "availability_zone" (None: any from now on) and "host", for a server that is on
        no host. Raises as ``destination.check_wishes``.
        """
        allowed = state_checks.check(context, instance, "unshelve")
        if wishes:
            destination.check_wishes(context, self.volume_api, instance, wishes)
        instance.task_state = task_states.UNSHELVING
        allowed = dataclasses.replace(allowed, vm_states=(instance.vm_state,))
        args = {"wishes": wishes}
        action = self._begin(context, instance, "unshelve", "unshelve_instance", allowed, args)
        self._send(context, action)

    # -- intents ---------------------------------------------------------------------------------

    def _begin(
        self, context, instance: Instance, name: str, method: str, allowed, args=None
    ) -> InstanceAction:
        """Commit an intent: the changed fields of the server, and the action."""
        return InstanceAction.begin(
            context,
            instance,
            name,
            method=method,
            host=instance.host,
            args=args or {},
            expected_task_state=allowed.task_states,
            expected_vm_state=allowed.vm_states,
        )

    def _send(self, context, action: InstanceAction) -> None:
        """Tell who does it: the server's host, or a conductor where it has none."""
        (self.compute_rpcapi if action.host else self.compute_task_api).send(context, action)

    # -- rebuild and snapshot --------------------------------------------------------------------

    def rebuild(self, context, instance: Instance, request: rebuild_request.RebuildRequest) -> None:
        """A fresh root disk, from the same or another image; addresses and uuid stay.

        Raises Invalid, OverQuota.
        """
        allowed = state_checks.check(context, instance, "rebuild")
        limits = quota.get_limits(context, context.project_id)
        create_checks.check_injected_files(request.injected_files, limits)
        create_checks.check_metadata(request.metadata or {}, limits)
        image = self._get_image(context, request.image_ref)
        rebuild_request.check_image(context, self.volume_api, instance, request, image)
        args = rebuild_request.apply(context, instance, request, image)
        instance.task_state = task_states.REBUILDING
        action = self._begin(context, instance, "rebuild", "rebuild_instance", allowed, args)
        self._send(context, action)

    def snapshot(self, context, instance: Instance, name: str, properties: dict) -> str:
        """Make an image of the server's root disk; the id of the image, which fills up later.

        The intent comes first: when this process dies before it has made the image, the host finds
        none and is done.
        """
        allowed = state_checks.check(context, instance, "createImage")
        record = snapshot_request.image_record(context, instance, name, properties)
        instance.task_state = task_states.IMAGE_SNAPSHOT_PENDING
        args = {"image_id": record["id"]}
        action = self._begin(context, instance, "createImage", "snapshot_instance", allowed, args)
        try:
            self.image_api.create(context, record)
        except exception.NovaException:
            action.abandon(context, instance)
            raise
        self._send(context, action)
        return record["id"]

    # -- interfaces ------------------------------------------------------------------------------

    def attach_interface(self, context, instance: Instance, request: NetworkRequest) -> dict:
        """Plug one interface more, and wait until it is: the VIF as a dict.

        Raises InterfaceAttachDelayed when the host must wait for a neighbour first, and what
        Neutron and the host raise.
        """
        name = "attach_interface"
        allowed = state_checks.check(context, instance, name)
        asked = {name: value for name, value in request.to_dict().items() if value is not None}
        if "address" in asked:
            asked["fixed_ip"] = asked.pop("address")
        create_checks.check_network_service()
        self.network_api.validate_networks(context, [request], 1)
        action = self._begin(context, instance, name, name, allowed, asked)
        vif = self.compute_rpcapi.run_action(context, action)
        if vif is None:
            raise exception.InterfaceAttachDelayed(instance_uuid=instance.uuid)
        return vif

    def detach_interface(self, context, instance: Instance, port_id: str) -> None:
        """Raises PortNotFound when the server has no such interface."""
        name = "detach_interface"
        allowed = state_checks.check(context, instance, name)
        if instance.network_info.get(port_id) is None:
            raise exception.PortNotFound(port_id=port_id)
        args = {"port_id": port_id}
        self._send(context, self._begin(context, instance, name, name, allowed, args))

    def add_security_group(self, context, instance: Instance, name: str) -> None:
        """To all its interfaces. Raises SecurityGroupNotFound, SecurityGroupCannotBeApplied."""
        self._change_security_groups(context, instance, name, self.network_api.add_security_group)

    def remove_security_group(self, context, instance: Instance, name: str) -> None:
        """Raises SecurityGroupNotFound."""
        change = self.network_api.remove_security_group
        self._change_security_groups(context, instance, name, change)

    def _change_security_groups(self, context, instance: Instance, name: str, change) -> None:
        """Neutron does it; the host is told that what it knows of the network has changed."""
        state_checks.check(context, instance, "security groups")
        create_checks.check_network_service()
        change(context, instance, name)
        if instance.host is not None:
            event = {"name": "network-changed", "server_uuid": instance.uuid, "status": "completed"}
            self.compute_rpcapi.external_instance_event(context, instance.host, [event])

    # -- volumes ---------------------------------------------------------------------------------

    @traced
    def attach_volume(
        self, context, instance: Instance, request: volume_request.AttachRequest
    ) -> BlockDeviceMapping:
        """Give a volume to a server: how it will be attached, while the host is at it.

        Raises VolumeNotFound, InvalidVolume and VolumeEncryptionNotSupported (400),
        TooManyDiskDevices, DevicePathInUse, MultiattachNotSupported, and for a server on no host
        VolumeTaggedAttachToShelvedNotSupported, MultiattachToShelvedNotSupported.
        """
        allowed = state_checks.check(context, instance, "attach_volume")
        volume_request.check_volume(context, self.volume_api, instance, request)
        return self._attach_volume(context, instance, request, allowed)

    @traced
    def _attach_volume(self, context, instance, request, allowed) -> BlockDeviceMapping:
        """The intent comes first: when this process dies in between, the host (or, where there is
        none, a conductor) goes on, or finds that nothing was promised yet."""
        args = {"bdm_uuid": request.bdm_uuid}
        name = "attach_volume"
        action = self._begin(context, instance, name, name, allowed, args)
        try:
            bdm = self._create_volume_bdm(context, instance, request, action)
            volume_request.reserve(context, self.volume_api, instance, bdm, action.id)
        except Exception as exc:
            is_refused = volume_request.is_refusal(exc)
            # Recorded or not, reserved or not?
            bdm = None if is_refused else volume_request.find_reserved(context, request)
            if bdm is None:
                if not is_refused:  # the host finds out, and leaves nothing of it
                    name = "detach_volume"
                    anyhow = dataclasses.replace(allowed, task_states=None, vm_states=None)
                    undo = self._begin(context, instance, name, name, anyhow, args)
                    self._send(context, undo)
                action.abandon(context, instance)
                raise
        self._send(context, action)
        return bdm

    @traced
    def _create_volume_bdm(self, context, instance, request, action) -> BlockDeviceMapping:
        if instance.host is None:
            return volume_request.create_mapping(context, instance, request, action.id)
        asked = request.mapping()
        return self.compute_rpcapi.reserve_block_device_name(context, instance, action, asked)

    @traced
    def detach_volume(self, context, instance: Instance, volume_id: str) -> None:
        """From the intent on it is done, also when Cinder is away for a while: the host may have
        found it meanwhile. Of a server on no host the volume is only reserved: Cinder has nothing
        to begin.

        Raises VolumeNotAttached, InvalidVolume (a root disk, or not in use).
        """
        allowed = state_checks.check(context, instance, "detach_volume")
        bdm = BlockDeviceMapping.get_by_volume(context, instance.uuid, volume_id)
        volume_request.check_detach(bdm)
        args = {"bdm_uuid": bdm.uuid}
        action = self._begin(context, instance, "detach_volume", "detach_volume", allowed, args)
        try:
            if instance.host is not None:
                self.volume_api.begin_detaching(context, volume_id)
        except (exception.InvalidVolume, exception.VolumeNotFound):
            if volume_request.is_reserved(context, self.volume_api, bdm):
                action.abandon(context, instance)
                raise
        except exception.CinderConnectionFailed as exc:
            LOG.info("Volume %s is detached without word of Cinder: %s", volume_id, exc)
        self._send(context, action)

    @traced
    def swap_volume(
        self, context, instance: Instance, old_volume_id: str, new_volume_id: str
    ) -> None:
        """Put another volume in the place of an attached one, with its content; while the server
        runs. From the intent on it is done, also when Cinder is away for a while.

        Raises VolumeNotAttached, and as ``volume_request.check_swap``.
        """
        name = "swap_volume"
        allowed = state_checks.check(context, instance, name)
        bdm = BlockDeviceMapping.get_by_volume(context, instance.uuid, old_volume_id)
        volume_request.check_swap(context, self.volume_api, bdm, instance, new_volume_id)
        args = {
            "bdm_uuid": bdm.uuid,
            "old_volume_id": old_volume_id,
            "old_attachment_id": bdm.attachment_id,
            "new_volume_id": new_volume_id,
        }
        action = self._begin(context, instance, name, name, allowed, args)
        try:
            volume_request.reserve_swap(
                context, self.volume_api, instance, old_volume_id, new_volume_id
            )
        except Exception as exc:
            if volume_request.is_refusal(exc):
                action.abandon(context, instance)
                raise
        self._send(context, action)

    # -- the record alone ------------------------------------------------------------------------

    def update(self, context, instance: Instance, changes: dict) -> None:
        """Set fields that no host has to know of (names, description, access addresses)."""
        for name, value in changes.items():
            setattr(instance, name, value)
        instance.save()

    def lock(self, context, instance: Instance, reason: str | None = None) -> None:
        is_owner = instance.project_id == context.project_id
        if instance.locked and is_owner:
            return  # an administrator's lock stays one
        instance.locked = True
        instance.locked_by = "owner" if is_owner else "admin"
        instance.locked_reason = reason
        InstanceAction.begin(context, instance, "lock", expected_task_state=None)

    def unlock(self, context, instance: Instance) -> None:
        instance.locked = False
        instance.locked_by = instance.locked_reason = None
        InstanceAction.begin(context, instance, "unlock", expected_task_state=None)

    def reset_state(self, context, instance: Instance, state: str) -> None:
        """An administrator says what the server is: ``active`` or ``error``, and nothing going on.

        The actions that go on end with it; their doers notice.
        """
        instance.vm_state = vm_states.ACTIVE if state == "active" else vm_states.ERROR
        instance.task_state = None
        InstanceAction.reset(context, instance)

    def update_metadata(
        self, context, instance: Instance, metadata: dict, *, replace: bool = False
    ) -> dict:
        """Set (or, with ``replace``, be) the server's metadata; all of it. Raises OverQuota."""
        state_checks.check(context, instance, "update metadata")
        limits = quota.get_limits(context, context.project_id)
        instance.change_metadata(
            metadata, removed=None if replace else (), allowed=limits["metadata_items"]
        )
        return instance.metadata

    def delete_metadata(self, context, instance: Instance, key: str) -> None:
        state_checks.check(context, instance, "delete metadata")
        instance.change_metadata({}, removed=[key])

    # -- ask the host ----------------------------------------------------------------------------

    def get_console_output(self, context, instance: Instance, tail_length: int | None) -> str:
        """Raises InstanceNotReady when the server is on no host, and what the host raises."""
        if instance.host is None:
            raise exception.InstanceNotReady(instance_id=instance.uuid)
        return self.compute_rpcapi.get_console_output(context, instance, instance.host, tail_length)
