"""Operations that make the guest of a server, make it anew, or remove it."""

from __future__ import annotations

from nova_mini.actions import operations
from nova_mini.actions.runner import runs
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.compute.operations import delete, evacuate, rebuild, rescue, soft_delete
from nova_mini.compute.operations.build import InstanceBuild
from nova_mini.trace import traced


class BuildingOperations:
    @runs(operations.BUILD_AND_RUN_INSTANCE)
    @traced("ComputeManager.build_and_run_instance")
    def build_and_run_instance(self, op: HostOperation) -> None:
        """Build a server that the scheduler gave to this host. Cast by the conductor."""
        with op.host.build_slots:
            InstanceBuild(op, op.parameters)._do_build_and_run_instance()

    @runs(operations.REBUILD_INSTANCE)
    @traced("ComputeManager.rebuild_instance")
    def rebuild_instance(self, op: HostOperation) -> None:
        """Make a new root disk from an image. A root volume keeps its data unless a reimage is
        requested. Ephemeral disks are always made anew, by every driver."""
        rebuild.rebuild(op, op.parameters)

    @runs(operations.RESCUE_INSTANCE)
    @traced("ComputeManager.rescue_instance")
    def rescue_instance(self, op: HostOperation) -> None:
        """Start the server from a rescue disk, with its own root disk beside it."""
        rescue.rescue(op, op.parameters)

    @runs(operations.UNRESCUE_INSTANCE)
    @traced("ComputeManager.unrescue_instance")
    def unrescue_instance(self, op: HostOperation) -> None:
        """Start the server from its own root disk again."""
        rescue.unrescue(op)

    @runs(operations.TERMINATE_INSTANCE)
    @traced("ComputeManager._terminate_instance")
    def terminate_instance(self, op: HostOperation) -> None:
        """Delete a server."""
        with op.error_on_failure():
            delete.delete_instance(op, op.parameters.unfinished_images)

    @runs(operations.SOFT_DELETE_INSTANCE)
    @traced("ComputeManager.soft_delete_instance")
    def soft_delete_instance(self, op: HostOperation) -> None:
        """Stop a server that its user has deleted, and keep it for a while."""
        soft_delete.soft_delete(op)

    @runs(operations.RESTORE_INSTANCE)
    @traced("ComputeManager.restore_instance")
    def restore_instance(self, op: HostOperation) -> None:
        """Start a server that was soft-deleted."""
        soft_delete.restore(op)

    @runs(operations.EVACUATE_INSTANCE)
    @traced("ComputeManager.evacuate_instance")
    def evacuate_instance(self, op: HostOperation) -> None:
        """At the destination: start the guest of a server whose host is down."""
        evacuate.evacuate_instance(op)
