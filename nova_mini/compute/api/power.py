"""Reboot, start, stop, pause and suspend servers."""

from __future__ import annotations

from nova_mini.actions import operations
from nova_mini.actions.parameters import RebootParameters
from nova_mini.compute.api.base import Base
from nova_mini.context import RequestContext
from nova_mini.objects.instance import Instance
from nova_mini.states import state_checks, task_states

_REBOOT_TASK = {"SOFT": task_states.REBOOTING, "HARD": task_states.REBOOTING_HARD}


class Power(Base):
    def reboot(self, context: RequestContext, instance: Instance, reboot_type: str) -> None:
        """``reboot_type``: SOFT (the guest is asked to shut down) or HARD."""
        hard = reboot_type == "HARD"
        allowed = state_checks.check(context, instance, "hard reboot" if hard else "reboot")
        instance.task_state = _REBOOT_TASK[reboot_type]
        parameters = RebootParameters(reboot_type)
        self._send(context, self._begin(context, instance, operations.REBOOT, allowed, parameters))

    def start(self, context: RequestContext, instance: Instance) -> None:
        self._act(context, instance, operations.START, task_states.POWERING_ON)

    def stop(self, context: RequestContext, instance: Instance) -> None:
        self._act(context, instance, operations.STOP, task_states.POWERING_OFF)

    def pause(self, context: RequestContext, instance: Instance) -> None:
        self._act(context, instance, operations.PAUSE, task_states.PAUSING)

    def unpause(self, context: RequestContext, instance: Instance) -> None:
        self._act(context, instance, operations.UNPAUSE, task_states.UNPAUSING)

    def suspend(self, context: RequestContext, instance: Instance) -> None:
        self._act(context, instance, operations.SUSPEND, task_states.SUSPENDING)

    def resume(self, context: RequestContext, instance: Instance) -> None:
        self._act(context, instance, operations.RESUME, task_states.RESUMING)
