"""The records of new servers, made from a checked request."""

from __future__ import annotations

import dataclasses
from typing import Any

from oslo_utils import uuidutils

from nova_mini.actions import operations
from nova_mini.actions.intents import intent_of
from nova_mini.actions.parameters import BuildParameters
from nova_mini.compute.requests import image_checks, server_names
from nova_mini.compute.requests.destination import Destination, request_spec
from nova_mini.compute.requests.server_request import ServerRequest
from nova_mini.context import RequestContext
from nova_mini.objects.block_device_mapping import NewDisk, NewMapping
from nova_mini.objects.image_meta import REQUESTED_IMAGE, ImageMeta
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_creation import NewInstance
from nova_mini.objects.instance_metadata import BOOT_ROLES
from nova_mini.objects.network_model import NetworkInfo, requests_to_primitive
from nova_mini.states import power_state, task_states, vm_states


def new_instances(
    context: RequestContext,
    request: ServerRequest,
    image: ImageMeta,
    disks: list[NewDisk],
    key_data: str | None,
    destination: Destination,
    count: int,
) -> list[NewInstance]:
    """Return ``count`` servers (not saved) that differ only in uuid, name and launch_index.

    ``disks`` are those of each server.
    """
    common = _common_fields(context, request, image, key_data, destination.availability_zone)
    spec = request_spec(context, request, image, destination).as_dict()
    parameters = BuildParameters(
        admin_password=request.admin_password,
        injected_files=[list(each) for each in request.injected_files],
        requested_networks=requests_to_primitive(request.requested_networks),
        security_groups=request.security_groups,
    )
    made = []
    for index in range(count):
        instance = _instance(context, request, common, index, count)
        made.append(
            NewInstance(
                instance=instance,
                request_spec={**spec, "instance_uuid": instance.uuid},
                mappings=[_mapping_of(instance, disk) for disk in disks],
                tags=request.tags,
                intent=intent_of(operations.CREATE, None, parameters),
            )
        )
    return made


def _instance(
    context: RequestContext, request: ServerRequest, common: dict[str, Any], index: int, count: int
) -> Instance:
    uuid = uuidutils.generate_uuid()
    name = server_names.display_name(request.display_name, index, count)
    return Instance(
        context,
        uuid=uuid,
        display_name=name,
        hostname=request.hostname or server_names.hostname(name, uuid),
        launch_index=index,
        **common,
    )


def _common_fields(
    context: RequestContext,
    request: ServerRequest,
    image: ImageMeta,
    key_data: str | None,
    availability_zone: str | None,
) -> dict[str, Any]:
    flavor = request.flavor
    auto_disk_config = request.auto_disk_config
    if auto_disk_config is None:
        auto_disk_config = image.get_bool("auto_disk_config")
    return {
        "project_id": context.project_id,
        "user_id": context.user_id,
        "reservation_id": server_names.reservation_id(),
        "display_description": request.description,
        "flavor": flavor,
        "memory_mb": flavor.memory_mb,
        "vcpus": flavor.vcpus,
        "root_gb": flavor.root_gb,
        "ephemeral_gb": flavor.ephemeral_gb,
        "image_ref": image.id,
        "key_name": request.key_name,
        "key_data": key_data,
        "user_data": request.user_data,
        "config_drive": "True" if request.config_drive else "",
        "auto_disk_config": auto_disk_config,
        "access_ip_v4": request.access_ip_v4,
        "access_ip_v6": request.access_ip_v6,
        "metadata": request.metadata,
        "system_metadata": {
            **image.to_system_metadata(flavor.root_gb),
            **image_checks.authorization_of(image),
            **_owner_names(context),
            BOOT_ROLES: ",".join(context.roles),
            **_requested_image(request, image),
        },
        "security_groups": request.security_groups or ["default"],
        "network_info": NetworkInfo(),
        "availability_zone": availability_zone,
        "pinned_availability_zone": availability_zone,
        "vm_state": vm_states.BUILDING,
        "task_state": task_states.SCHEDULING,
        "power_state": power_state.NOSTATE,
        "progress": 0,
        **image_checks.guest_fields(image),
    }


def _requested_image(request: ServerRequest, image: ImageMeta) -> dict[str, str]:
    is_volume_backed = image.id is None
    return {REQUESTED_IMAGE: request.image_ref} if request.image_ref and is_volume_backed else {}


def _owner_names(context: RequestContext) -> dict[str, str]:
    """Names of the user and project for the domain's metadata: a host cannot ask Keystone."""
    names = {"owner_user_name": context.user_name, "owner_project_name": context.project_name}
    return {key: name for key, name in names.items() if name}


def _mapping_of(instance: Instance, disk: NewDisk) -> NewMapping:
    return NewMapping(
        **dataclasses.asdict(disk),
        uuid=uuidutils.generate_uuid(),
        instance_uuid=instance.uuid,
    )
