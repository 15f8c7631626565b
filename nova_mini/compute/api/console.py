"""What only the host of a server knows."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.compute.api.base import Base
from nova_mini.context import RequestContext
from nova_mini.objects.instance import Instance


class Console(Base):
    def get_console_output(
        self, context: RequestContext, instance: Instance, tail_length: int | None
    ) -> str:
        """Raises InstanceNotReady if the server is on no host, and the errors of the host."""
        if instance.host is None:
            raise exception.InstanceNotReady(instance_id=instance.uuid)
        return self.compute_rpcapi.get_console_output(context, instance, instance.host, tail_length)
