"""What only the host of a server knows."""

from __future__ import annotations

from typing import Any

from nova_mini import exception
from nova_mini.compute.api.base import Base
from nova_mini.compute.requests import host_release
from nova_mini.context import RequestContext
from nova_mini.objects.instance import Instance
from nova_mini.objects.service import GUEST_CALLS_VERSION


class Console(Base):
    def get_console_output(
        self, context: RequestContext, instance: Instance, tail_length: int | None
    ) -> str:
        """Raises InstanceNotReady if the server is on no host, and the errors of the host."""
        if instance.host is None:
            raise exception.InstanceNotReady(instance_id=instance.uuid)
        return self.compute_rpcapi.get_console_output(context, instance, instance.host, tail_length)

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
