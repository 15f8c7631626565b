"""Check a request to evacuate a server from a host that is down."""

from __future__ import annotations

from dataclasses import dataclass, field

from nova_mini import exception
from nova_mini.actions.parameters import EvacuateParameters
from nova_mini.context import RequestContext
from nova_mini.objects.compute_node import ComputeNode
from nova_mini.objects.instance import Instance
from nova_mini.objects.migration import Migration
from nova_mini.objects.service import EVACUATE_VERSION, Service, ServiceList


@dataclass(frozen=True, slots=True, kw_only=True)
class EvacuateRequest:
    """See :class:`.EvacuateParameters`."""

    host: str | None = None
    force: bool = False
    on_shared_storage: bool | None = None
    stop: bool = False
    admin_password: str | None = field(default=None, repr=False)

    def parameters(self) -> EvacuateParameters:
        return EvacuateParameters(
            host=self.host,
            force=self.force,
            on_shared_storage=self.on_shared_storage,
            stop=self.stop,
            admin_password=self.admin_password,
        )


def check(context: RequestContext, instance: Instance, request: EvacuateRequest) -> None:
    """Raises ComputeHostNotFound, InvalidInput for the server's own host, ComputeServiceInUse, and
    Conflict for a server that moves already, or while an older release runs."""
    if request.host is not None:
        ComputeNode.get_by_host(context, request.host)
        if request.host == instance.host:
            raise exception.InvalidInput(reason="The target host can't be the same one.")
    source = Service.get_by_host_and_binary(context, instance.host, "nova-mini-compute")
    if source.is_alive:
        raise exception.ComputeServiceInUse(host=instance.host)
    if _is_moving(context, instance):
        raise exception.Conflict(
            f"Instance {instance.uuid} has a migration that has not ended. Wait for its end, or "
            "reset the state of the server."
        )
    services = ServiceList.get_all(context)
    conductors = services.oldest_version(["nova-mini-conductor"])
    if min(conductors, source.version) < EVACUATE_VERSION:
        raise exception.Conflict(
            "The conductors and the host of the server must be upgraded before the server can be "
            "evacuated."
        )


def _is_moving(context: RequestContext, instance: Instance) -> bool:
    try:
        Migration.get_open(context, instance.uuid)
    except exception.MigrationNotFoundForInstance:
        return False
    return True
