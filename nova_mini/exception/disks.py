"""Errors of the disks of guests: in files, in Ceph, in logical volumes."""

from __future__ import annotations

from nova_mini.exception.base import Invalid, NovaException


class InjectionFailed(Invalid):
    msg_fmt = "Could not write files, key or password to the server's disk: %(reason)s"


class CephUnavailable(NovaException):
    """The cluster does not answer. The operation is retried."""

    msg_fmt = "The Ceph cluster is unavailable: %(reason)s"
    code = 503


class RbdImageBusy(NovaException):
    """A client has the image open; a killed client too, for a while. The removal is retried."""

    msg_fmt = "The disk %(name)s is still in use in the Ceph cluster."
    code = 503


class CephFailed(NovaException):
    msg_fmt = "The Ceph cluster refused the request: %(reason)s"


class LvmFailed(NovaException):
    msg_fmt = "LVM on the host failed: %(reason)s"


class InvalidDiskInfo(Invalid):
    msg_fmt = "Disk info is invalid: %(reason)s"


class UnsafeFileName(Invalid):
    """The name could lead out of its directory."""

    msg_fmt = "%(name)r cannot be used as the name of a file."
