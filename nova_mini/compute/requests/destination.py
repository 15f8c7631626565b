"""The zone and host that a user requests for a server that is on no host yet."""

from __future__ import annotations

from dataclasses import dataclass

from nova_mini import exception
from nova_mini.actions.parameters import UnshelveDestination
from nova_mini.compute.requests.server_request import ServerRequest
from nova_mini.conf import CONF
from nova_mini.context import RequestContext
from nova_mini.objects.availability_zone import AvailabilityZones
from nova_mini.objects.block_device_mapping import BlockDeviceMappingList
from nova_mini.objects.compute_node import ComputeNode, ComputeNodeList
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.instance import Instance
from nova_mini.objects.request_spec import RequestSpec
from nova_mini.states import vm_states
from nova_mini.volume import cinder


def parse_availability_zone(text: str | None) -> tuple[str | None, str | None, str | None]:
    """Return (zone, forced host, forced node) of a text ``zone``, ``zone:host``,
    ``zone:host:node`` or ``zone::node``. Raises InvalidInput."""
    if not text:
        return None, None, None
    zone, host, node = (*text.split(":"), "", "", "")[:3]
    if text.count(":") > 2 or not zone:
        raise exception.InvalidInput(
            reason="availability_zone must be a zone, zone:host or zone:host:node"
        )
    return zone, host or None, node or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a new server may run. Each field is None if there is no restriction.

    The filters do not check a forced host or node. ``requested_host`` must pass them.
    """

    availability_zone: str | None = None
    forced_host: str | None = None
    forced_node: str | None = None
    requested_host: str | None = None


def resolve(context: RequestContext, request: ServerRequest) -> Destination:
    """Raises Invalid for a zone or host that does not exist."""
    zone = request.availability_zone or CONF.default_schedule_zone
    _check_zone(context, zone)
    _check_exists(context, request.forced_host, request.forced_node)
    _check_exists(context, request.requested_host, request.requested_node)
    requested_host = request.requested_host
    if request.requested_node and not requested_host:
        requested_host = _nodes_named(context, request.requested_node)[0].host
    return Destination(
        availability_zone=zone,
        forced_host=request.forced_host,
        forced_node=request.forced_node,
        requested_host=requested_host,
    )


def check_unshelve(
    context: RequestContext,
    volume_api: cinder.API,
    instance: Instance,
    requested: UnshelveDestination,
) -> None:
    """Check the destination requested for an unshelve.

    Raises UnshelveInstanceInvalidState for a server that is still on a host, InvalidInput for an
    unknown zone, ComputeHostNotFound for an unknown host, UnshelveHostNotInAZ, MismatchVolumeAZ.
    """
    if instance.vm_state != vm_states.SHELVED_OFFLOADED:
        raise exception.UnshelveInstanceInvalidState(
            instance_uuid=instance.uuid, state=instance.vm_state
        )
    zone = requested.get("availability_zone", instance.pinned_availability_zone)
    _check_zone(context, zone)
    host = requested.get("host")
    if host:
        ComputeNode.get_by_host(context, host)
        if zone and AvailabilityZones.get(context).of_host(host) != zone:
            raise exception.UnshelveHostNotInAZ(host=host, availability_zone=zone)
    if zone and not CONF.cinder.cross_az_attach:
        _check_volumes(context, volume_api, instance, zone)


def check_pin(instance: Instance, zone: str | None) -> None:
    """Check the zone that a server is to be pinned to; None unpins it. A server can only be pinned
    to the zone where it is.

    Raises Conflict.
    """
    pinned = instance.pinned_availability_zone
    if zone in (None, pinned):
        return
    if pinned is not None:
        raise exception.Conflict(
            f"The server is pinned to availability zone {pinned}. Unpin it first: set "
            "pinned_availability_zone to null."
        )
    if zone != instance.availability_zone:
        raise exception.Conflict(
            f"The server is in availability zone {instance.availability_zone}, and can only be "
            "pinned to this zone."
        )


def _check_volumes(
    context: RequestContext, volume_api: cinder.API, instance: Instance, zone: str
) -> None:
    for bdm in BlockDeviceMappingList.get_by_instance_uuid(context, instance.uuid):
        if not bdm.is_volume:
            continue
        volume_zone = volume_api.get(context, bdm.volume_id).availability_zone
        if volume_zone != zone:
            raise exception.MismatchVolumeAZ(
                volume_id=bdm.volume_id, volume_zone=volume_zone, availability_zone=zone
            )


def _check_zone(context: RequestContext, zone: str | None) -> None:
    if zone and zone not in AvailabilityZones.get(context).names():
        raise exception.InvalidInput(
            reason="The requested availability zone is not available; use one of those that "
            "GET /os-availability-zone lists"
        )


def _check_exists(context: RequestContext, host: str | None, node: str | None) -> None:
    if host:
        try:
            found = ComputeNode.get_by_host(context, host)
        except exception.ComputeHostNotFound as exc:
            raise exception.InvalidInput(reason=exc.format_message()) from exc
        if node and found.hypervisor_hostname != node:
            raise exception.InvalidInput(reason=f"Compute host {host} has no node {node}")
    elif node and not _nodes_named(context, node):
        raise exception.InvalidInput(reason=f"No compute host has a node {node}")


def _nodes_named(context: RequestContext, node: str) -> list[ComputeNode]:
    return [n for n in ComputeNodeList.get_all(context) if n.hypervisor_hostname == node]


def request_spec(
    context: RequestContext, request: ServerRequest, image: ImageMeta, destination: Destination
) -> RequestSpec:
    """Return the scheduler's RequestSpec for each server of ``request``.

    A root disk that is a volume takes no disk space of the host.
    """
    flavor = request.flavor
    return RequestSpec(
        context,
        project_id=context.project_id,
        vcpus=flavor.vcpus,
        memory_mb=flavor.memory_mb,
        local_gb=flavor.disk_gb if image.id else flavor.disk_gb - flavor.root_gb,
        extra_specs=flavor.extra_specs,
        # Filters read no longer value; an image may have megabytes of other properties.
        image_properties={name: value[:255] for name, value in image.properties.items()},
        availability_zone=destination.availability_zone,
        force_host=destination.forced_host,
        force_node=destination.forced_node,
        requested_host=destination.requested_host,
        ignore_hosts=[],
        scheduler_hints=request.scheduler_hints,
    )
