"""The payloads of versioned notifications about servers, in the form of Nova's serialized objects.

They contain no secrets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nova_mini.conf import CONF
from nova_mini.notifications import flavor as flavor_notifications
from nova_mini.notifications import keypair as keypair_notifications
from nova_mini.notifications.versioned import serialized, time_of
from nova_mini.objects.audit_period import Period
from nova_mini.objects.block_device_mapping import BlockDeviceMappingList
from nova_mini.objects.network_model import NetworkInfo
from nova_mini.states import power_state

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance
    from nova_mini.objects.instance_changes import Change


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
        "flavor": flavor_notifications.payload_of(instance.flavor),
        "image_uuid": instance.image_ref,
        "key_name": instance.key_name,
        "kernel_id": instance.kernel_id or "",
        "ramdisk_id": instance.ramdisk_id or "",
        "created_at": time_of(instance.created_at),
        "launched_at": time_of(instance.launched_at),
        "terminated_at": time_of(instance.terminated_at),
        "deleted_at": time_of(instance.deleted_at),
        "updated_at": time_of(instance.updated_at),
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
    data = {"audit_period_beginning": time_of(begin), "audit_period_ending": time_of(end)}
    return serialized("AuditPeriodPayload", "1.0", data)


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
    from nova_mini import crypto  # takes 10 MiB: imported only if a key is reported

    kind = "x509" if "BEGIN CERTIFICATE" in instance.key_data else "ssh"
    payload = keypair_notifications.payload_of(
        user_id=instance.user_id,
        name=instance.key_name,
        kind=kind,
        public_key=instance.key_data,
        fingerprint=crypto.fingerprint(kind, instance.key_data),
    )
    return [payload]


def _tags(instance: Instance) -> list[str]:
    if not instance.obj_attr_is_set("tags"):
        instance.load_tags()
    return list(instance.tags)
