"""Errors of a hypervisor and of what runs in it: guests, their devices and agents."""

from __future__ import annotations

from nova_mini.exception.base import Conflict, Invalid, NotFound, NovaException


class DeviceDetachFailed(NovaException):
    msg_fmt = "Device detach failed for %(device)s: %(reason)s"
    safe = True


class HypervisorUnavailable(NovaException):
    msg_fmt = "Connection to the hypervisor is broken on host %(host)s"


class HypervisorError(NovaException):
    msg_fmt = "The hypervisor failed: %(reason)s"


class DomainNotFound(HypervisorError):
    msg_fmt = "Instance %(instance_id)s has no domain on its host. A hard reboot creates it again."
    safe = True


class InstancePowerOffFailure(NovaException):
    msg_fmt = "Failed to power off instance: %(reason)s"


class InstancePowerOnFailure(NovaException):
    msg_fmt = "Failed to power on instance: %(reason)s"


class InstanceAgentNotEnabled(Conflict):
    msg_fmt = (
        "Guest agent is not enabled for the instance %(instance_id)s. Its image must have the "
        "property hw_qemu_guest_agent=yes, and its system must run the agent."
    )


class InstancePasswordSetFailed(Conflict):
    msg_fmt = "Failed to set admin password on %(instance_id)s because %(reason)s"


class GuestAgentUnresponsive(NovaException):
    msg_fmt = "Unable to set password on instance: its guest agent does not answer."
    code = 501
    safe = True


class TriggerCrashDumpNotSupported(Invalid):
    msg_fmt = "Triggering crash dump is not supported"


class UnsupportedHardware(Invalid):
    msg_fmt = "%(name)s '%(value)s' is not supported. Supported values: %(choices)s."


class DeviceNotFound(NotFound):
    msg_fmt = "Device '%(device)s' not found."
