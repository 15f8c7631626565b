"""What only the host of a server knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nova_mini import exception
from nova_mini.compute.api.base import Base
from nova_mini.compute.requests import host_release
from nova_mini.context import RequestContext
from nova_mini.objects import console_auth_token
from nova_mini.objects.instance import Instance
from nova_mini.objects.service import CONSOLES_VERSION, GUEST_CALLS_VERSION
from nova_mini.rpcapi.compute import ComputeAPI
from nova_mini.states import task_states

# protocol -> the call of the host of a server
PROTOCOLS: dict[str, Callable[..., console_auth_token.Connection]] = {
    "vnc": ComputeAPI.get_vnc_console,
    "spice": ComputeAPI.get_spice_console,
    "serial": ComputeAPI.get_serial_console,
}
_LEAVING = (task_states.DELETING, task_states.SOFT_DELETING, task_states.MIGRATING)


class Console(Base):
    def get_console_output(
        self, context: RequestContext, instance: Instance, tail_length: int | None
    ) -> str:
        """Raises InstanceNotReady if the server is on no host, and the errors of the host."""
        if instance.host is None:
            raise exception.InstanceNotReady(instance_id=instance.uuid)
        return self.compute_rpcapi.get_console_output(context, instance, instance.host, tail_length)

    def get_console_url(
        self, context: RequestContext, instance: Instance, protocol: str, console_type: str
    ) -> str:
        """A URL with a new token, which opens a console of the guest. ``protocol``: a key of
        ``PROTOCOLS``.

        Raises InstanceNotReady, InstanceInvalidState if the guest does not run, is deleted or
        moves, ConsoleTypeInvalid, ConsoleTypeUnavailable, and Conflict if the host is of an older
        release.
        """
        if instance.task_state in _LEAVING:
            raise exception.InstanceInvalidState(
                method=f"get_{protocol}_console",
                instance_uuid=instance.uuid,
                attr="task_state",
                state=instance.task_state,
            )
        host = host_release.host_that_knows(instance, CONSOLES_VERSION)
        action_id = console_auth_token.newest_action(instance)
        ask = PROTOCOLS[protocol]
        connection = ask(self.compute_rpcapi, context, instance, host, console_type)
        return console_auth_token.create(instance, action_id, connection)

    def get_diagnostics(self, context: RequestContext, instance: Instance) -> dict[str, Any]:
        """The counters of the guest, with the names of its hypervisor (before 2.48).

        Raises InstanceNotReady, InstanceInvalidState if the guest does not run, and Conflict if the
        host is of an older release.
        """
        host = host_release.host_that_knows(instance, GUEST_CALLS_VERSION)
        return self.compute_rpcapi.get_diagnostics(context, instance, host)

    def get_instance_diagnostics(
        self, context: RequestContext, instance: Instance
    ) -> dict[str, Any]:
        """The same in the format of 2.48."""
        host = host_release.host_that_knows(instance, GUEST_CALLS_VERSION)
        return self.compute_rpcapi.get_instance_diagnostics(context, instance, host)
