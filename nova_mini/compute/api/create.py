"""Create servers."""

from __future__ import annotations

import contextlib
import functools

from nova_mini import exception, policy, quota
from nova_mini.compute.api.delete import Delete
from nova_mini.compute.requests import (
    block_device_request,
    boot_source,
    boot_volumes,
    create_checks,
    destination,
    fault_checks,
    guest_option_checks,
    new_instances,
)
from nova_mini.compute.requests.server_request import ServerRequest
from nova_mini.conf import CONF
from nova_mini.context import RequestContext
from nova_mini.external import volume_backed_image
from nova_mini.guest_options import scheduler_hints
from nova_mini.image import kernels
from nova_mini.notifications import notify_about_server_group_update
from nova_mini.objects import instance_creation, quota_claims
from nova_mini.objects.block_device_mapping import NewDisk
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.objects.instance_creation import NewInstance
from nova_mini.objects.instance_group import InstanceGroup
from nova_mini.policies import servers as server_policy
from nova_mini.trace import Steps, collecting, traced


class Create(Delete):
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
        fault_checks.check(context, request.metadata)
        create_checks.check_injected_files(request.injected_files, limits.of_project)
        filters = CONF.filter_scheduler.enabled_filters
        scheduler_hints.check_request(request.scheduler_hints, filters)
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
                    self.force_delete(context, Instance.get_by_uuid(context, item.instance.uuid))
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
