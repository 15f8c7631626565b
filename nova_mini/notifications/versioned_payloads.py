"""The payloads of versioned notifications about servers, in the form of Nova's serialized objects.

They contain no secrets.
"""

from __future__ import annotations

import datetime
import traceback
from typing import TYPE_CHECKING, Any

from oslo_utils import strutils

from nova_mini import crypto, disclosure, exception
from nova_mini.conf import CONF
from nova_mini.objects.audit_period import Period
from nova_mini.objects.block_device_mapping import BlockDeviceMappingList
from nova_mini.objects.network_model import NetworkInfo
from nova_mini.states import power_state

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.flavor import Flavor
    from nova_mini.objects.instance import Instance
    from nova_mini.objects.instance_changes import Change


def serialized(name: str, version: str, data: dict[str, Any]) -> dict[str, Any]:
    """An object of Nova with its fields ``data``."""
    return {
        "nova_object.name": name,
        "nova_object.namespace": "nova",
        "nova_object.version": version,
        "nova_object.data": data,
    }


def of_instance(
    context: RequestContext, instance: Instance, network_info: NetworkInfo | None = None
) -> dict[str, Any]:
    """The fields of a server that all payloads have. With ``[notifications]
    bdms_in_notifications``, its volumes are read."""
    found = instance.network_info if network_info is None else network_info
    return {
        "uuid": instance.uuid,
        "user_id": instance.user_id,
        "tenant_id": instance.project_id,
        "reservation_id": instance.reservation_id,
        "display_name": instance.display_name,
        "display_description": instance.display_description,
        "host_name": instance.hostname,
        "host": instance.host,
        "node": instance.node,
        "os_type": instance.os_type,
        "architecture": instance.architecture,
        "availability_zone": instance.availability_zone,
        "flavor": of_flavor(instance.flavor),
        "image_uuid": instance.image_ref,
        "key_name": instance.key_name,
        "kernel_id": instance.kernel_id or "",
        "ramdisk_id": instance.ramdisk_id or "",
        "created_at": _time(instance.created_at),
        "launched_at": _time(instance.launched_at),
        "terminated_at": _time(instance.terminated_at),
        "deleted_at": _time(instance.deleted_at),
        "updated_at": _time(instance.updated_at),
        "state": instance.vm_state,
        "power_state": power_state.STATE_MAP.get(instance.power_state, "pending"),
        "task_state": instance.task_state,
        "progress": instance.progress,
        "ip_addresses": _addresses(found),
        "block_devices": _volumes(context, instance),
        "metadata": instance.metadata,
        "locked": instance.locked,
        "auto_disk_config": "AUTO" if instance.auto_disk_config else "MANUAL",
        "request_id": context.request_id if context.project_id and context.user_id else None,
        "action_initiator_user": context.user_id,
        "action_initiator_project": context.project_id,
        "locked_reason": instance.locked_reason,
        "shares": None,
    }


def of_new(instance: Instance) -> dict[str, Any]:
    """The fields that only the payload of a creation has. Its tags are read."""
    return {
        "keypairs": _keypairs(instance),
        "tags": _tags(instance),
        "trusted_image_certificates": None,
        "instance_name": instance.name,
    }


def of_change(change: Change, period: Period) -> dict[str, Any]:
    """The fields that only the payload of an update has. Its tags are read."""
    before, after = change.before, change.after
    states = {
        "old_state": before.vm_state,
        "state": after.vm_state,
        "old_task_state": before.task_state,
        "new_task_state": after.task_state,
    }
    is_renamed = before.display_name != after.display_name
    return {
        "state": after.vm_state,
        "task_state": after.task_state,
        "state_update": serialized("InstanceStateUpdatePayload", "1.0", states),
        "audit_period": of_period(period),
        "old_display_name": before.display_name if is_renamed else None,
        "tags": _tags(change.instance),
    }


def of_period(period: Period) -> dict[str, Any]:
    begin, end = period
    data = {"audit_period_beginning": _time(begin), "audit_period_ending": _time(end)}
    return serialized("AuditPeriodPayload", "1.0", data)


def of_fault(fault: BaseException) -> dict[str, Any]:
    """An error. One of a remote service has the same name as there."""
    frames = traceback.extract_tb(fault.__traceback__)
    message = fault.format_message() if isinstance(fault, exception.NovaException) else str(fault)
    data = {
        "module_name": type(fault).__module__,
        "function_name": frames[-1].name if frames else "unknown",
        "exception": type(fault).__name__.removesuffix("_Remote"),
        "exception_message": strutils.mask_password(message),
        "traceback": strutils.mask_password(disclosure.traceback_of(fault)),
    }
    return serialized("ExceptionPayload", "1.1", data)


def of_flavor(flavor: Flavor) -> dict[str, Any]:
    data = {
        "flavorid": flavor.flavorid,
        "memory_mb": flavor.memory_mb,
        "vcpus": flavor.vcpus,
        "root_gb": flavor.root_gb,
        "ephemeral_gb": flavor.ephemeral_gb,
        "name": flavor.name,
        "swap": flavor.swap,
        "rxtx_factor": _field(flavor, "rxtx_factor", 1.0),
        "vcpu_weight": 0,
        "disabled": _field(flavor, "disabled", False),
        "is_public": _field(flavor, "is_public", True),
        "extra_specs": _field(flavor, "extra_specs", {}),
        "projects": None,
        "description": _field(flavor, "description", None),
    }
    return serialized("FlavorPayload", "1.4", data)


def _field(flavor: Flavor, name: str, default: Any) -> Any:
    """Not every field is stored with a server."""
    return getattr(flavor, name) if flavor.obj_attr_is_set(name) else default


def _time(time: datetime.datetime | None) -> str | None:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}" if time else None


def _addresses(network_info: NetworkInfo) -> list[dict[str, Any]]:
    found = []
    for vif in network_info:
        for ip in vif.fixed_ips():
            data = {
                "label": vif.network.label,
                "mac": vif.address,
                "meta": {},
                "port_uuid": vif.id,
                "version": ip.version,
                "address": ip.address,
                "device_name": vif.devname,
            }
            found.append(serialized("IpPayload", "1.0", data))
    return found


def _volumes(context: RequestContext, instance: Instance) -> list[dict[str, Any]] | None:
    if not CONF.notifications.bdms_in_notifications:
        return None
    names = ("device_name", "boot_index", "delete_on_termination", "volume_id", "tag")
    bdms = BlockDeviceMappingList.get_by_instance_uuid(context, instance.uuid)
    return [
        serialized("BlockDevicePayload", "1.0", {name: getattr(bdm, name) for name in names})
        for bdm in bdms
        if bdm.volume_id
    ]


def _keypairs(instance: Instance) -> list[dict[str, Any]]:
    if not instance.key_name or not instance.key_data:
        return []
    kind = "x509" if "BEGIN CERTIFICATE" in instance.key_data else "ssh"
    data = {
        "user_id": instance.user_id,
        "name": instance.key_name,
        "fingerprint": crypto.fingerprint(kind, instance.key_data),
        "public_key": instance.key_data,
        "type": kind,
    }
    return [serialized("KeypairPayload", "1.0", data)]


def _tags(instance: Instance) -> list[str]:
    if not instance.obj_attr_is_set("tags"):
        instance.load_tags()
    return list(instance.tags)
