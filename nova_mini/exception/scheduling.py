"""Errors of the search for a host, and of claims on its resources."""

from __future__ import annotations

from nova_mini.exception.base import Conflict, NovaException


class NoValidHost(NovaException):
    msg_fmt = "No valid host was found. %(reason)s"
    safe = True


class MaxRetriesExceeded(NoValidHost):
    msg_fmt = (
        "Exceeded maximum number of retries. Exhausted all hosts available for retrying build "
        "failures for instance %(instance_uuid)s."
    )


class GuestOptionNotSupported(NoValidHost):
    """No host supports an option that an extra spec or an image property requests."""

    msg_fmt = "No valid host was found. This cloud does not support: %(problems)s."


class UnsupportedServerGroupPolicy(NoValidHost):
    """The scheduler does not use the filter or the weigher that acts on the policy of a group."""

    msg_fmt = "No valid host was found. ServerGroup policy is not supported: %(policy)s."


class AllocationExists(Conflict):
    """A concurrent attempt to place the same server has made its allocation."""

    msg_fmt = "The server already has an allocation."


class ComputeResourcesUnavailable(NovaException):
    msg_fmt = "Insufficient compute resources: %(reason)s."
