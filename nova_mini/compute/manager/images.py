"""Operations that make an image of a server, or start it from one: snapshot, backup, shelve."""

from __future__ import annotations

from nova_mini.actions import operations
from nova_mini.actions.runner import runs
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.compute.operations import backup, shelve, shelve_offload, snapshot, unshelve
from nova_mini.trace import traced


class ImageOperations:
    @runs(operations.SNAPSHOT_INSTANCE)
    @traced("ComputeManager.snapshot_instance")
    def snapshot_instance(self, op: HostOperation) -> None:
        """Upload the root disk into a queued Glance image."""
        snapshot.snapshot(op, op.parameters.image_id)

    @runs(operations.BACKUP_INSTANCE)
    @traced("ComputeManager.backup_instance")
    def backup_instance(self, op: HostOperation) -> None:
        """The same, then delete the oldest backups."""
        backup.backup(op, op.parameters)

    @runs(operations.SHELVE_INSTANCE)
    @traced("ComputeManager.shelve_instance")
    def shelve_instance(self, op: HostOperation) -> None:
        """Power the server off and upload its root disk; then, by default, offload it."""
        shelve.shelve(op)

    @runs(operations.SHELVE_OFFLOAD_INSTANCE)
    @traced("ComputeManager.shelve_offload_instance")
    def shelve_offload_instance(self, op: HostOperation) -> None:
        """Remove a server that is SHELVED here from this host."""
        op.await_earlier_actions()
        shelve_offload.offload(op)

    @runs(operations.UNSHELVE_INSTANCE)
    @traced("ComputeManager.unshelve_instance")
    def unshelve_instance(self, op: HostOperation) -> None:
        """Start a server that is SHELVED here, or build one that a conductor has sent here."""
        unshelve.unshelve(op)
