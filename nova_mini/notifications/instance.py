"""Notifications about one server."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from nova_mini.clock import utcnow
from nova_mini.conf import CONF
from nova_mini.notifications import fault as faults
from nova_mini.notifications import instance_action, versioned_payloads
from nova_mini.notifications.instance_action import notify_about_instance_action
from nova_mini.notifications.sending import send, sends_unversioned
from nova_mini.notifications.versioned import COMPUTE
from nova_mini.notifications.versioned_events import Event, event_of, payload_of
from nova_mini.objects import audit_period
from nova_mini.objects.network_model import VIF, FixedIP, NetworkInfo

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance


def notify_about_instance_usage(
    context: RequestContext,
    instance: Instance,
    event: str,
    *,
    network_info: NetworkInfo | None = None,
    fault: BaseException | None = None,
    extra: dict | None = None,
    versioned_fields: dict | None = None,
    source: str = COMPUTE,
) -> bool:
    """Send a notification of ``event`` (``create.start``, ``delete.end``, ``create.error`` …),
    unversioned, versioned or both. ``extra``: more fields of the unversioned payload;
    ``versioned_fields`` and ``source``: of the versioned one. Returns False if the unversioned one
    could not be sent.

    Does nothing when ``[oslo_messaging_notifications] driver`` sends none. Called by the operations
    of the computes and the tasks of the conductors.
    """
    is_sent = True
    if sends_unversioned():
        payload = usage_of(
            instance, instance.network_info if network_info is None else network_info
        )
        if fault is not None:
            payload.update(_fault(fault))
        payload.update(extra or {})
        publisher = f"compute.{instance.host or CONF.host}"
        is_error = fault is not None
        is_sent = send(context, publisher, f"compute.instance.{event}", payload, is_error=is_error)
    versioned_event = event_of(event)
    if versioned_event:
        fields = {**(versioned_fields or {}), **_shared_fields(versioned_event, extra)}
        notify_about_instance_action(
            context,
            instance,
            versioned_event,
            source=source,
            fault=fault,
            network_info=network_info,
            **fields,
        )
    return is_sent


def _shared_fields(event: Event, extra: dict | None) -> dict:
    """The fields ``extra`` that the versioned payload has, too."""
    names = payload_of(event.action).fields
    return {name: value for name, value in (extra or {}).items() if name in names}


def notify_usage_exists(
    context: RequestContext, instance: Instance, period: audit_period.Period | None = None
) -> bool:
    """Report that a server existed in ``period``; by default in the current period until now,
    before its size changes or it ends. Billing systems charge by this notification. Returns False
    if it could not be sent."""
    if period is None:
        period = audit_period.current(CONF.instance_usage_audit_period, utcnow())
    extra = {**audit_period.as_payload(period), "bandwidth": {}}
    is_unversioned_sent = notify_about_instance_usage(context, instance, "exists", extra=extra)
    is_versioned_sent = instance_action.send(
        context, Event("exists"), COMPUTE, lambda: _exists(context, instance, period)
    )
    return is_unversioned_sent and is_versioned_sent


def _exists(context: RequestContext, instance: Instance, period: audit_period.Period) -> dict:
    data = versioned_payloads.of_instance(context, instance)
    return {**data, "audit_period": versioned_payloads.of_period(period)}


def _fault(fault: BaseException) -> dict:
    """The payload of an error."""
    return {
        "exception": faults.name_of(fault),
        "message": faults.message_of(fault),
        "code": getattr(fault, "code", 500),
    }


def usage_of(instance: Instance, network_info: NetworkInfo) -> dict:
    """The payload of a notification. It contains no secrets."""
    addresses = [_fixed_ip(vif, ip) for vif in network_info for ip in vif.fixed_ips()]
    return {**description_of(instance), "fixed_ips": addresses}


def description_of(instance: Instance) -> dict:
    """The payload without the addresses."""
    flavor = instance.flavor
    return {
        "tenant_id": instance.project_id,
        "user_id": instance.user_id,
        "instance_id": instance.uuid,
        "display_name": instance.display_name,
        "hostname": instance.hostname,
        "reservation_id": instance.reservation_id,
        "instance_type": flavor.name,
        "instance_type_id": flavor.id,
        "instance_flavor_id": flavor.flavorid,
        "architecture": instance.architecture,
        "os_type": instance.os_type,
        "kernel_id": instance.kernel_id or "",
        "ramdisk_id": instance.ramdisk_id or "",
        "memory_mb": flavor.memory_mb,
        "vcpus": flavor.vcpus,
        "root_gb": flavor.root_gb,
        "ephemeral_gb": flavor.ephemeral_gb,
        "disk_gb": flavor.root_gb + flavor.ephemeral_gb,
        "host": instance.host,
        "node": instance.node,
        "availability_zone": instance.availability_zone,
        "created_at": _time(instance.created_at),
        "launched_at": _time(instance.launched_at),
        "terminated_at": _time(instance.terminated_at),
        "deleted_at": _time(instance.deleted_at),
        "access_ip_v4": instance.access_ip_v4,
        "access_ip_v6": instance.access_ip_v6,
        "state": instance.vm_state,
        "state_description": instance.task_state or "",
        "progress": instance.progress,
        "image_ref_url": instance.image_ref,
        "image_meta": _image_meta(instance.system_metadata),
        "metadata": instance.metadata,
    }


def _fixed_ip(vif: VIF, ip: FixedIP) -> dict:
    return {
        "address": ip.address,
        "version": ip.version,
        "type": "fixed",
        "label": vif.network.label,
        "vif_mac": vif.address,
        "floating_ips": ip.floating_ips,
    }


def _time(time: datetime.datetime | None) -> str:
    return time.isoformat() if time else ""


def _image_meta(system_metadata: dict) -> dict:
    prefix = "image_"
    return {
        name.removeprefix(prefix): value
        for name, value in system_metadata.items()
        if name.startswith(prefix)
    }
