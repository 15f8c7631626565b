"""The records of new servers, made from a checked request."""

from __future__ import annotations

from oslo_utils import uuidutils

from nova_mini.compute import (
    destination,
    image_checks,
    power_state,
    server_names,
    task_states,
    vm_states,
)
from nova_mini.compute.server_request import ServerRequest
from nova_mini.network.model import NetworkInfo, requests_to_primitive
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_creation import NewInstance


def new_instances(
    context,
    request: ServerRequest,
    image: ImageMeta,
    mappings: list[dict],
    key_data: str | None,
    where: dict,
    count: int,
) -> list[NewInstance]:
    """``count`` servers that differ in uuid, name and launch_index alone; ``mappings`` are their
    disks (see ``block_device_request``)."""
    common = _common_fields(context, request, image, key_data, where)
    spec = destination.request_spec(context, request, image, where).as_dict()
    args = {
        "admin_password": request.admin_password,
        "injected_files": [list(each) for each in request.injected_files],
        "requested_networks": requests_to_primitive(request.requested_networks),
        "security_groups": request.security_groups,
    }
    made = []
    for index in range(count):
        instance = _instance(context, request, common, index, count)
        made.append(
            NewInstance(
                instance=instance,
                request_spec={**spec, "instance_uuid": instance.uuid},
                mappings=[_mapping_of(instance, mapping) for mapping in mappings],
                tags=request.tags,
                args=args,
            )
        )
    return made


def _instance(context, request: ServerRequest, common: dict, index: int, count: int) -> Instance:
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
    context, request: ServerRequest, image: ImageMeta, key_data: str | None, where: dict
) -> dict:
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
        "system_metadata": image.to_system_metadata(flavor.root_gb),
        "security_groups": request.security_groups or ["default"],
        "network_info": NetworkInfo(),
        "availability_zone": where["availability_zone"],
        "pinned_availability_zone": where["availability_zone"],
        "vm_state": vm_states.BUILDING,
        "task_state": task_states.SCHEDULING,
        "power_state": power_state.NOSTATE,
        "progress": 0,
        **image_checks.guest_fields(image),
    }


def _mapping_of(instance: Instance, mapping: dict) -> dict:
    return {**mapping, "uuid": uuidutils.generate_uuid(), "instance_uuid": instance.uuid}
