"""Attach, detach and swap volumes."""

from __future__ import annotations

import dataclasses
import logging

from nova_mini import exception
from nova_mini.actions import operations
from nova_mini.actions.parameters import (
    SwapVolumeParameters,
    VolumeParameters,
)
from nova_mini.compute.api.base import Base
from nova_mini.compute.requests import volume_request
from nova_mini.context import RequestContext
from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.objects.service import NAMES_DEVICE_VERSION, Service
from nova_mini.states import state_checks
from nova_mini.trace import traced

LOG = logging.getLogger(__name__)


class Volumes(Base):
    @traced("API.attach_volume")
    def attach_volume(
        self, context: RequestContext, instance: Instance, request: volume_request.AttachRequest
    ) -> BlockDeviceMapping:
        """Attach a volume. Returns its mapping while the host still connects the volume. Unless the
        request needs the name of the device, this does not wait for the host.

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
        host = instance.host
        if host is None or (
            not request.needs_device and Service.compute_version(host) >= NAMES_DEVICE_VERSION
        ):
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
