"""Requests to the system that runs in a guest."""

from __future__ import annotations

from nova_mini.actions import operations
from nova_mini.actions.parameters import PasswordParameters
from nova_mini.compute.api.base import Base
from nova_mini.compute.requests import host_release
from nova_mini.context import RequestContext
from nova_mini.objects.instance import Instance
from nova_mini.objects.service import GUEST_CALLS_VERSION
from nova_mini.states import state_checks, task_states


class Guest(Base):
    def trigger_crash_dump(self, context: RequestContext, instance: Instance) -> None:
        """Inject a non-maskable interrupt into the guest, whose system may write a dump then."""
        allowed = state_checks.check(context, instance, "trigger_crash_dump")
        host_release.host_that_knows(instance, GUEST_CALLS_VERSION)
        self._send(context, self._begin(context, instance, operations.TRIGGER_CRASH_DUMP, allowed))

    def set_admin_password(
        self, context: RequestContext, instance: Instance, password: str
    ) -> None:
        """Set the administrator's password in the guest, and wait for the host.

        Raises InstanceAgentNotEnabled, InstancePasswordSetFailed (409), GuestAgentUnresponsive
        (501). The password is in the action's row until the action ends.
        """
        allowed = state_checks.check(context, instance, "changePassword")
        host_release.host_that_knows(instance, GUEST_CALLS_VERSION)
        instance.task_state = task_states.UPDATING_PASSWORD
        parameters = PasswordParameters(password)
        action = self._begin(context, instance, operations.CHANGE_PASSWORD, allowed, parameters)
        self.compute_rpcapi.run_action(context, action)
