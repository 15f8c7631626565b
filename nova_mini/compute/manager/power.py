"""Operations on the power of a guest, and those that its system must take part in."""

from __future__ import annotations

from nova_mini.actions import operations
from nova_mini.actions.runner import runs
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.compute.operations import admin_password, crash_dump, power
from nova_mini.trace import traced


class PowerOperations:
    @runs(operations.STOP_INSTANCE)
    @traced("ComputeManager.stop_instance")
    def stop_instance(self, op: HostOperation) -> None:
        """Ask the guest to shut down, then power it off."""
        power.stop(op)

    @runs(operations.START_INSTANCE)
    @traced("ComputeManager.start_instance")
    def start_instance(self, op: HostOperation) -> None:
        power.start(op)

    @runs(operations.REBOOT_INSTANCE)
    @traced("ComputeManager.reboot_instance")
    def reboot_instance(self, op: HostOperation) -> None:
        power.reboot(op, op.parameters.reboot_type)

    @runs(operations.PAUSE_INSTANCE)
    @traced("ComputeManager.pause_instance")
    def pause_instance(self, op: HostOperation) -> None:
        power.pause(op)

    @runs(operations.UNPAUSE_INSTANCE)
    @traced("ComputeManager.unpause_instance")
    def unpause_instance(self, op: HostOperation) -> None:
        power.unpause(op)

    @runs(operations.SUSPEND_INSTANCE)
    @traced("ComputeManager.suspend_instance")
    def suspend_instance(self, op: HostOperation) -> None:
        power.suspend(op)

    @runs(operations.RESUME_INSTANCE)
    @traced("ComputeManager.resume_instance")
    def resume_instance(self, op: HostOperation) -> None:
        power.resume(op)

    @runs(operations.SET_ADMIN_PASSWORD)
    @traced("ComputeManager.set_admin_password")
    def set_admin_password(self, op: HostOperation) -> None:
        """Set the administrator's password in the guest. Called by the API, which waits."""
        admin_password.set_admin_password(op, op.parameters)

    @runs(operations.HOST_TRIGGER_CRASH_DUMP)
    @traced("ComputeManager.trigger_crash_dump")
    def trigger_crash_dump(self, op: HostOperation) -> None:
        crash_dump.trigger_crash_dump(op)
