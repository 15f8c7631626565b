"""The phases of a resize and of a cold migration."""

from __future__ import annotations

from nova_mini.actions import operations
from nova_mini.actions.registry import NextPhase
from nova_mini.actions.runner import runs
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.compute.operations import resize, resize_outcome
from nova_mini.trace import traced


class ResizeOperations:
    @runs(operations.PREP_RESIZE)
    @traced("ComputeManager.prep_resize")
    def prep_resize(self, op: HostOperation) -> NextPhase:
        """At the destination: claim the resources of a server that will move here."""
        return resize.prep_resize(op)

    @runs(operations.RESIZE_INSTANCE)
    @traced("ComputeManager.resize_instance")
    def resize_instance(self, op: HostOperation) -> NextPhase:
        """At the source: stop the guest and give the server to the destination."""
        return resize.resize_instance(op)

    @runs(operations.FINISH_RESIZE)
    @traced("ComputeManager.finish_resize")
    def finish_resize(self, op: HostOperation) -> None:
        """At the destination: start the guest with its new flavor."""
        resize.finish_resize(op)

    @runs(operations.CONFIRM_RESIZE)
    @traced("ComputeManager.confirm_resize")
    def confirm_resize(self, op: HostOperation) -> None:
        """At the source: remove what a revert would have needed."""
        resize_outcome.confirm_resize(op)

    @runs(operations.CONFIRM_AT_DESTINATION)
    @traced("ComputeManager.confirm_at_destination")
    def confirm_at_destination(self, op: HostOperation) -> None:
        """At the destination, because the source is down: remove what a revert would have needed
        from shared storage."""
        resize_outcome.confirm_at_destination(op)

    @runs(operations.REVERT_RESIZE)
    @traced("ComputeManager.revert_resize")
    def revert_resize(self, op: HostOperation) -> NextPhase:
        """At the destination: remove the guest and give the server back to the source."""
        return resize_outcome.revert_resize(op)

    @runs(operations.FINISH_REVERT_RESIZE)
    @traced("ComputeManager.finish_revert_resize")
    def finish_revert_resize(self, op: HostOperation) -> None:
        """At the source: start the guest as it was before the move."""
        resize_outcome.finish_revert_resize(op)
