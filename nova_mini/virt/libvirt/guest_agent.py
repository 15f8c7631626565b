"""Requests to the QEMU guest agent, a program in the system of a guest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libvirt

from nova_mini import exception
from nova_mini.virt.libvirt import errors
from nova_mini.virt.libvirt.guest import Guest

if TYPE_CHECKING:
    from nova_mini.objects.image_meta import ImageMeta
    from nova_mini.objects.instance import Instance

_NO_ANSWER = (libvirt.VIR_ERR_AGENT_UNRESPONSIVE, libvirt.VIR_ERR_AGENT_UNSYNCED)


def set_admin_password(
    guest: Guest, instance: Instance, image_meta: ImageMeta, password: str
) -> None:
    """See ``ComputeDriver.set_admin_password``. Errors never contain the password."""
    if not image_meta.get_bool("hw_qemu_guest_agent"):
        raise exception.InstanceAgentNotEnabled(instance_id=instance.uuid)
    try:
        guest.set_user_password(admin_user(instance, image_meta), password)
    except libvirt.libvirtError as exc:
        if exc.get_error_code() in _NO_ANSWER:
            raise exception.GuestAgentUnresponsive() from exc
        refused = exception.InstancePasswordSetFailed(
            instance_id=instance.uuid, reason="the guest agent refused it."
        )
        raise errors.failure(exc, refused) from exc


def admin_user(instance: Instance, image_meta: ImageMeta) -> str:
    """The name of the administrator in the guest."""
    default = "Administrator" if instance.os_type == "windows" else "root"
    return image_meta.properties.get("os_admin_user") or default
