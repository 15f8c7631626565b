"""Where a server shall be that is on no host yet, in the words of its user."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.compute import vm_states
from nova_mini.compute.server_request import ServerRequest
from nova_mini.conf import CONF
from nova_mini.objects.availability_zone import AvailabilityZones
from nova_mini.objects.block_device_mapping import BlockDeviceMappingList
from nova_mini.objects.compute_node import ComputeNode, ComputeNodeList
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.instance import Instance
from nova_mini.objects.request_spec import RequestSpec


def parse_availability_zone(text: str | None) -> tuple[str | None, str | None, str | None]:
    """(zone, forced host, forced node) of ``zone``, ``zone:host``, ``zone:host:node`` or
    ``zone::node``. Raises InvalidInput."""
    if not text:
        return None, None, None
    zone, host, node = (*text.split(":"), "", "", "")[:3]
    if text.count(":") > 2 or not zone:
        raise exception.InvalidInput(
            reason="availability_zone must be a zone, zone:host or zone:host:node"
        )
    return zone, host or None, node or None


def resolve(context, request: ServerRequest) -> dict:
    """The fields of a RequestSpec that say where; zones and hosts that are named must exist.

    Raises Invalid with what to change.
    """
    zone = request.availability_zone or CONF.default_schedule_zone
    _check_zone(context, zone)
    _check_exists(context, request.forced_host, request.forced_node)
    _check_exists(context, request.requested_host, request.requested_node)
    requested_host = request.requested_host
    if request.requested_node and not requested_host:
        requested_host = _nodes_named(context, request.requested_node)[0].host
    return {
        "availability_zone": zone,
        "force_host": request.forced_host,
        "force_node": request.forced_node,
        "requested_host": requested_host,
        "ignore_hosts": [],
        "scheduler_hints": request.scheduler_hints,
    }


def check_wishes(context, volume_api, instance: Instance, wishes: dict) -> None:
    """Where a shelved server shall be unshelved: "availability_zone" (None: wherever) and "host".

    Raises UnshelveInstanceInvalidState where there is nothing to choose, InvalidInput for a zone
    and ComputeHostNotFound for a host that there is not, UnshelveHostNotInAZ, MismatchVolumeAZ.
    """
    if instance.vm_state != vm_states.SHELVED_OFFLOADED:
        raise exception.UnshelveInstanceInvalidState(
            instance_uuid=instance.uuid, state=instance.vm_state
        )
    zone = wishes.get("availability_zone", instance.pinned_availability_zone)
    _check_zone(context, zone)
    host = wishes.get("host")
    if host:
        ComputeNode.get_by_host(context, host)
        if zone and AvailabilityZones.get(context).of_host(host) != zone:
            raise exception.UnshelveHostNotInAZ(host=host, availability_zone=zone)
    if zone and not CONF.cinder.cross_az_attach:
        _check_volumes(context, volume_api, instance, zone)


def _check_volumes(context, volume_api, instance: Instance, zone: str) -> None:
    for bdm in BlockDeviceMappingList.get_by_instance_uuid(context, instance.uuid):
        if not bdm.is_volume:
            continue
        volume_zone = volume_api.get(context, bdm.volume_id).availability_zone
        if volume_zone != zone:
            raise exception.MismatchVolumeAZ(
                volume_id=bdm.volume_id, volume_zone=volume_zone, availability_zone=zone
            )


def _check_zone(context, zone: str | None) -> None:
    if zone and zone not in AvailabilityZones.get(context).names():
        raise exception.InvalidInput(
            reason="The requested availability zone is not available; name one of those that "
            "GET /os-availability-zone lists"
        )


def _check_exists(context, host: str | None, node: str | None) -> None:
    if host:
        try:
            found = ComputeNode.get_by_host(context, host)
        except exception.ComputeHostNotFound as exc:
            raise exception.InvalidInput(reason=exc.format_message()) from exc
        if node and found.hypervisor_hostname != node:
            raise exception.InvalidInput(reason=f"Compute host {host} has no node {node}")
    elif node and not _nodes_named(context, node):
        raise exception.InvalidInput(reason=f"No compute host has a node {node}")


def _nodes_named(context, node: str) -> list[ComputeNode]:
    return [n for n in ComputeNodeList.get_all(context) if n.hypervisor_hostname == node]


def request_spec(context, request: ServerRequest, image: ImageMeta, where: dict) -> RequestSpec:
    """What the scheduler will be asked for each server of ``request``; ``where`` is of
    :func:`resolve`. A root disk that is a volume takes nothing of the host's."""
    flavor = request.flavor
    return RequestSpec(
        context,
        project_id=context.project_id,
        vcpus=flavor.vcpus,
        memory_mb=flavor.memory_mb,
        local_gb=flavor.disk_gb if image.id else flavor.disk_gb - flavor.root_gb,
        extra_specs=flavor.extra_specs,
        image_properties=image.properties,
        **where,
    )
