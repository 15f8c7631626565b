"""Errors: a part of other notifications, ``compute.exception`` and ``libvirt.connect.error``."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

from oslo_utils import strutils

from nova_mini import disclosure, exception
from nova_mini.conf import CONF
from nova_mini.notifications import versioned

if TYPE_CHECKING:
    from nova_mini.context import RequestContext


def notify_about_exception(context: RequestContext, fault: BaseException) -> None:
    """Send ``compute.exception``. Called when an operation on a host has failed.

    Nova also sends an unversioned notification, with the arguments of the operation.
    """
    versioned.send(
        context, "compute.exception", versioned.COMPUTE, lambda: payload_of(fault), is_error=True
    )


def notify_about_libvirt_connect_error(context: RequestContext, fault: BaseException) -> None:
    """Send ``libvirt.connect.error``. Called by the libvirt driver when libvirtd does not answer,
    once until it does."""

    def make() -> dict[str, Any]:
        data = {"ip": CONF.my_ip, "reason": payload_of(fault)}
        return versioned.serialized("LibvirtErrorPayload", "1.0", data)

    versioned.send(context, "libvirt.connect.error", versioned.COMPUTE, make, is_error=True)


def name_of(fault: BaseException) -> str:
    """The class. One of a remote service has the same name as there."""
    return type(fault).__name__.removesuffix("_Remote")


def message_of(fault: BaseException) -> str:
    """The message for users, without passwords."""
    message = fault.format_message() if isinstance(fault, exception.NovaException) else str(fault)
    return strutils.mask_password(message)


def payload_of(fault: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(fault.__traceback__)
    data = {
        "module_name": type(fault).__module__,
        "function_name": frames[-1].name if frames else "unknown",
        "exception": name_of(fault),
        "exception_message": message_of(fault),
        "traceback": strutils.mask_password(disclosure.traceback_of(fault)),
    }
    return versioned.serialized("ExceptionPayload", "1.1", data)
