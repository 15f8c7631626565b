"""The errors that do not end an operation as a failure: after them it is retried, or given up."""

from __future__ import annotations

from nova_mini import exception, rpc

# An external service is not available: the operation is retried when it is back. UnknownParameters:
# a later release wrote them, and the operation is retried until this process has been upgraded.
RETRYABLE = (
    exception.ActionInterrupted,
    exception.CephUnavailable,
    exception.CinderConnectionFailed,
    exception.GlanceConnectionFailed,
    exception.HypervisorUnavailable,
    exception.KeyManagerUnavailable,
    exception.NeutronConnectionFailed,
    exception.RbdImageBusy,
    exception.UnknownParameters,
    *rpc.UNANSWERED,
)
# Another process owns the server now, or the server is deleted. The new owner cleans up.
OWNERSHIP_LOST = (exception.InstanceOwnershipLost, exception.InstanceNotFound)
