"""Give servers another disk, and make images of them: rebuild, rescue, snapshot."""

from __future__ import annotations

import functools
from typing import Any

from nova_mini import exception, quota
from nova_mini.actions import operations
from nova_mini.actions.parameters import BackupParameters, SnapshotParameters
from nova_mini.compute.api.base import Base
from nova_mini.compute.requests import (
    create_checks,
    fault_checks,
    guest_option_checks,
    host_release,
    rebuild_request,
    rescue_request,
    vtpm_checks,
)
from nova_mini.context import RequestContext
from nova_mini.external import snapshot_record
from nova_mini.image import kernels
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.objects.service import GUEST_CALLS_VERSION
from nova_mini.states import state_checks, task_states


class Images(Base):
    def rebuild(
        self, context: RequestContext, instance: Instance, request: rebuild_request.RebuildRequest
    ) -> None:
        """Replace the root disk by a new one from an image; uuid and addresses stay.

        Raises Invalid, OverQuota, OperationNotSupportedForVTPM.
        """
        allowed = state_checks.check(context, instance, "rebuild")
        vtpm_checks.refuse(instance, "rebuild")
        limits, _ = quota.get_project_and_user_limits(context)
        create_checks.check_injected_files(request.injected_files, limits)
        create_checks.check_metadata(request.metadata or {}, limits)
        fault_checks.check(context, request.metadata)
        image = self._get_image(context, request.image_ref)
        rebuild_request.check_image(context, self.volume_api, instance, request, image)
        guest_option_checks.check_on_host(instance.flavor, image)
        guest_option_checks.check_topology_stays(instance, image)
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
        return self._make_image(context, instance, action, record)

    def backup(
        self,
        context: RequestContext,
        instance: Instance,
        name: str,
        backup_type: str,
        rotation: int,
        properties: dict[str, str],
    ) -> str:
        """Make an image of the server, then delete all but the newest ``rotation`` backups of this
        type. Returns the id of the image. Raises InvalidInput for a server on a volume."""
        allowed = state_checks.check(context, instance, "createBackup")
        if instance.is_volume_backed:
            raise exception.InvalidInput(
                reason="Backup is not supported for volume-backed instances."
            )
        host_release.host_that_knows(instance, GUEST_CALLS_VERSION)
        record = snapshot_record.image_record(context, instance, name, properties, backup_type)
        instance.task_state = task_states.IMAGE_BACKUP
        parameters = BackupParameters(record["id"], backup_type, rotation)
        action = self._begin(context, instance, operations.CREATE_BACKUP, allowed, parameters)
        return self._make_image(context, instance, action, record)

    def _make_image(
        self,
        context: RequestContext,
        instance: Instance,
        action: InstanceAction,
        record: dict[str, Any],
    ) -> str:
        """Create the record of an image in Glance, and send the action that fills it."""
        try:
            self.image_api.create(context, record)
        except exception.NovaException:
            action.abandon(context, instance)
            raise
        self._send(context, action)
        return record["id"]

    def rescue(
        self, context: RequestContext, instance: Instance, request: rescue_request.RescueRequest
    ) -> None:
        """Start the server from a rescue disk, with its own root disk beside it.

        Raises UnsupportedRescueImage and InstanceNotRescuable (400), Conflict, and the errors of
        ``rescue_request``.
        """
        allowed = state_checks.check(context, instance, "rescue")
        vtpm_checks.refuse(instance, "rescue")
        get_image = functools.partial(self._get_image, context)
        image = rescue_request.find_image(instance, request, get_image)
        parameters = rescue_request.check(context, self.volume_api, instance, request, image)
        instance.task_state = task_states.RESCUING
        self._send(context, self._begin(context, instance, operations.RESCUE, allowed, parameters))

    def unrescue(self, context: RequestContext, instance: Instance) -> None:
        """Start the server from its own root disk again, and remove the rescue disk."""
        self._act(context, instance, operations.UNRESCUE, task_states.UNRESCUING)
