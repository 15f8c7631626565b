"""Errors of volumes, block device mappings and shares, and of the volume service."""

from __future__ import annotations

from nova_mini.exception.base import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    NovaException,
    OverQuota,
)


class BlockDeviceMappingNotFound(NotFound):
    msg_fmt = "No Block Device Mapping with id %(id)s."


class InvalidBDM(Invalid):
    msg_fmt = "Block Device Mapping is Invalid: %(reason)s"


class VolumeNotFound(NotFound):
    msg_fmt = "Volume %(volume_id)s could not be found."


class SnapshotNotFound(NotFound):
    msg_fmt = "Snapshot %(snapshot_id)s could not be found."


class VolumeAttachmentNotFound(NotFound):
    msg_fmt = "Volume attachment %(attachment_id)s could not be found."


class VolumeNotAttached(NotFound):
    msg_fmt = "Instance %(instance_uuid)s is not attached to volume %(volume_id)s."


class InvalidVolume(Invalid):
    msg_fmt = "Invalid volume: %(reason)s"


class VolumeAccessDenied(Forbidden):
    msg_fmt = "The volume service does not allow this for volume %(volume_id)s."


class VolumeQuotaExceeded(OverQuota):
    msg_fmt = "Quota of the volume service exceeded: %(reason)s"


class VolumeNotCreated(Invalid):
    msg_fmt = "Volume %(volume_id)s did not finish being created: its status is %(volume_status)s."


class VolumeEncryptionNotSupported(Invalid):
    msg_fmt = "Volume %(volume_id)s is encrypted, and this is not supported here: %(reason)s."


class KeyNotAvailable(NovaException):
    msg_fmt = "The key manager does not give the key %(key_id)s."
    safe = True


class KeyNotStored(NovaException):
    msg_fmt = "The key manager does not store a key for a virtual TPM."
    safe = True


class KeyNotDeleted(NovaException):
    msg_fmt = "The key manager does not delete the key of a virtual TPM."
    safe = True


class KeyManagerUnavailable(NovaException):
    """It may or may not have executed the request."""

    msg_fmt = "The key manager does not answer."
    code = 503
    safe = True


class MultiattachNotSupported(Invalid):
    msg_fmt = (
        "Volume %(volume_id)s is a multiattach volume. Multiattach volumes are only supported "
        "starting with compute API version 2.60."
    )


class VolumeTaggedAttachToShelvedNotSupported(Invalid):
    msg_fmt = "Tagged volume attachment is not supported for shelved-offloaded instances."


class MultiattachToShelvedNotSupported(Invalid):
    msg_fmt = "Attaching multiattach volumes is not supported for shelved-offloaded instances."


class VolumeAttachFailed(NovaException):
    msg_fmt = "Volume %(volume_id)s could not be attached. Reason: %(reason)s"
    safe = True


class VolumeSwapFailed(NovaException):
    msg_fmt = "Could not swap to volume %(volume_id)s. Reason: %(reason)s"
    safe = True


class VolumeReimageFailed(NovaException):
    msg_fmt = "Could not reimage volume %(volume_id)s with image %(image_id)s. Reason: %(reason)s"
    safe = True


class MultiattachSwapVolumeNotSupported(Invalid):
    msg_fmt = "Volume %(volume_id)s is attached to several servers and cannot be swapped."


class DevicePathInUse(Conflict):
    msg_fmt = "The supplied device path (%(path)s) is in use."


class TooManyDiskDevices(Forbidden):
    msg_fmt = (
        "The maximum allowed number of disk devices (%(maximum)d) to attach to a single instance "
        "has been exceeded."
    )


class CinderConnectionFailed(NovaException):
    """Cinder may or may not have executed the request."""

    msg_fmt = "Connection to the volume service failed: %(reason)s"
    code = 503
    safe = True


class SharesNotSupported(Conflict):
    msg_fmt = (
        "Shares cannot be attached to servers of this cloud: no host offers virtiofs. Mount the "
        "share in the guest, over the network."
    )


class ShareNotFound(NotFound):
    msg_fmt = "Share %(share_id)s could not be found."
