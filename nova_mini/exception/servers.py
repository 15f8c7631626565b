"""Errors of servers: their state, their lock, concurrent changes, rescue and unshelve."""

from __future__ import annotations

from nova_mini.exception.base import Conflict, Invalid, NotFound, NovaException


class InstanceNotFound(NotFound):
    msg_fmt = "Instance %(instance_id)s could not be found."


class InstanceInvalidState(Conflict):
    msg_fmt = "Cannot '%(method)s' instance %(instance_uuid)s while it is in %(attr)s %(state)s"


class InstanceNeverActive(Conflict):
    msg_fmt = "Cannot '%(method)s' instance %(instance_uuid)s, it has never been active"


class InstanceIsLocked(Conflict):
    msg_fmt = "Instance %(instance_uuid)s is locked"


class InstanceNotReady(Conflict):
    msg_fmt = "Instance %(instance_id)s is not ready"


class OperationNotSupportedForVTPM(Conflict):
    msg_fmt = (
        "Operation '%(operation)s' not supported for vTPM-enabled instance (%(instance_uuid)s)."
    )


class InstanceNotRescuable(Invalid):
    msg_fmt = "Instance %(instance_id)s cannot be rescued: %(reason)s"


class UnsupportedRescueImage(Invalid):
    msg_fmt = "Requested rescue image '%(image)s' is not supported"


class UnexpectedTaskStateError(Conflict):
    msg_fmt = (
        "Conflict updating instance %(instance_uuid)s. Expected task_state: %(expected)s. "
        "Actual: %(actual)s"
    )


class InstanceChanged(Conflict):
    """The instance changed after the writer read it. The writer must read it again."""

    msg_fmt = "Instance %(instance_uuid)s was changed by a concurrent request."


class InstanceBusy(Conflict):
    """An unfinished operation may change the same fields."""

    msg_fmt = "An operation on instance %(instance_uuid)s is still in progress."


class UnshelveInstanceInvalidState(Conflict):
    msg_fmt = (
        "Specifying an availability zone or a host when unshelving server %(instance_uuid)s with "
        "status %(state)s is not supported. The server status must be SHELVED_OFFLOADED."
    )


class UnshelveHostNotInAZ(Conflict):
    msg_fmt = "Host %(host)s is not in the availability zone %(availability_zone)s."


class MismatchVolumeAZ(Conflict):
    msg_fmt = (
        "Volume %(volume_id)s and the instance are not in the same availability zone. The volume "
        "is in %(volume_zone)s, the instance in %(availability_zone)s."
    )


class InstanceOwnershipLost(Conflict):
    """Another process owns the action now. Stop, and clean up what this process did."""

    msg_fmt = (
        "The ownership of an action of instance %(instance_uuid)s was lost. The host of the "
        "instance is %(host)s."
    )


class InstanceActionNotFound(NotFound):
    msg_fmt = "Action for request_id %(request_id)s on instance %(instance_uuid)s not found."


class RequestSpecNotFound(NotFound):
    msg_fmt = "RequestSpec not found for instance %(instance_uuid)s"


class BuildAbortException(NovaException):
    """The build would fail on any host, so the server goes to ERROR."""

    msg_fmt = "Build of instance %(instance_uuid)s aborted: %(reason)s"
    safe = True


class RescheduledException(NovaException):
    """The build failed on this host, and is retried on the next alternate."""

    msg_fmt = "Build of instance %(instance_uuid)s was re-scheduled"
