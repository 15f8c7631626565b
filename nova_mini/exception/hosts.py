"""Errors of hosts, their compute services and aggregates, and of fences."""

from __future__ import annotations

from nova_mini.exception.base import Conflict, Invalid, NotFound, NovaException


class AggregateNotFound(NotFound):
    msg_fmt = "Aggregate %(aggregate_id)s could not be found."


class AggregateNameExists(Conflict):
    msg_fmt = "Aggregate %(aggregate_name)s already exists."


class AggregateHostNotFound(NotFound):
    msg_fmt = "Aggregate %(aggregate_id)s has no host %(host)s."


class AggregateHostExists(Conflict):
    msg_fmt = "Aggregate %(aggregate_id)s already has host %(host)s."


class InvalidAggregateAction(Conflict):
    msg_fmt = (
        "Cannot perform action '%(action)s' on aggregate %(aggregate_id)s. Reason: %(reason)s."
    )


class ServiceNotFound(NotFound):
    msg_fmt = "Service %(service_id)s could not be found."


class ServiceInUse(Conflict):
    msg_fmt = (
        "Unable to delete the compute service of host %(host)s, which is hosting instances. "
        "Migrate or delete the instances first."
    )


class ComputeServiceInUse(Invalid):
    msg_fmt = "Compute service of %(host)s is still in use."


class HostFenced(NovaException):
    msg_fmt = "Host %(host)s was fenced again, or has another compute process now."


class HostNotFenced(NovaException):
    """A host that is down may still run its guests, so they are not started elsewhere."""

    msg_fmt = "Host %(host)s is not fenced: %(reason)s"


class ComputeHostNotFound(NotFound):
    msg_fmt = "Compute host %(host)s could not be found."


class ComputeServiceUnavailable(NovaException):
    """``internal`` names the host."""

    msg_fmt = "The compute service of the server's host is unavailable at this time."
    code = 503
    safe = True


class HostTaken(NovaException):
    msg_fmt = (
        "Another compute process of host %(host)s holds the lock %(lock)s and could not be killed "
        "(%(reason)s). Stop it, or configure another host and state_path for this process."
    )


class HostActionNotSupported(NovaException):
    msg_fmt = (
        "No driver of this cloud can do this to its host. To keep new servers away from a host, "
        "disable its service (os-services)."
    )
    code = 501
    safe = True
