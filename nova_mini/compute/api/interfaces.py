"""Attach and detach interfaces, and change security groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nova_mini import exception
from nova_mini.actions import operations
from nova_mini.actions.parameters import (
    AttachInterfaceParameters,
    DetachInterfaceParameters,
)
from nova_mini.compute.api.base import Base
from nova_mini.compute.requests import create_checks
from nova_mini.context import RequestContext
from nova_mini.objects.external_event import ExternalEvent
from nova_mini.objects.instance import Instance
from nova_mini.objects.network_model import NetworkRequest
from nova_mini.states import state_checks


class Interfaces(Base):
    def attach_interface(
        self, context: RequestContext, instance: Instance, request: NetworkRequest
    ) -> dict[str, Any]:
        """Attach an interface and wait for the host. Returns ``VIF.to_dict()``.

        Raises InterfaceAttachDelayed if the host will retry later, and the errors of Neutron and
        the host.
        """
        allowed = state_checks.check(context, instance, "attach_interface")
        create_checks.check_network_service()
        self.network_api.validate_networks(context, [request], 1)
        parameters = AttachInterfaceParameters(
            port_id=request.port_id,
            network_id=request.network_id,
            fixed_ip=request.address,
            tag=request.tag,
        )
        action = self._begin(context, instance, operations.ATTACH_INTERFACE, allowed, parameters)
        vif = self.compute_rpcapi.run_action(context, action)
        if vif is None:
            raise exception.InterfaceAttachDelayed(instance_uuid=instance.uuid)
        return vif

    def detach_interface(self, context: RequestContext, instance: Instance, port_id: str) -> None:
        """Raises PortNotFound if the server has no such interface."""
        allowed = state_checks.check(context, instance, "detach_interface")
        if instance.network_info.get(port_id) is None:
            raise exception.PortNotFound(port_id=port_id)
        parameters = DetachInterfaceParameters(port_id)
        action = self._begin(context, instance, operations.DETACH_INTERFACE, allowed, parameters)
        self._send(context, action)

    def add_security_group(self, context: RequestContext, instance: Instance, name: str) -> None:
        """Add the group to all interfaces.

        Raises SecurityGroupNotFound, SecurityGroupCannotBeApplied.
        """
        self._change_security_groups(context, instance, name, self.network_api.add_security_group)

    def remove_security_group(self, context: RequestContext, instance: Instance, name: str) -> None:
        """Remove the group from all interfaces. Raises SecurityGroupNotFound."""
        change = self.network_api.remove_security_group
        self._change_security_groups(context, instance, name, change)

    def _change_security_groups(
        self,
        context: RequestContext,
        instance: Instance,
        name: str,
        change: Callable[[RequestContext, Instance, str], dict[str, list[str]]],
    ) -> None:
        """Change the groups in Neutron and in the record, and make the host refresh its network
        information."""
        state_checks.check(context, instance, "security groups")
        create_checks.check_network_service()
        instance.change_security_groups(change(context, instance, name))
        self.refresh_network_info(context, instance)

    def inject_network_info(self, context: RequestContext, instance: Instance) -> None:
        """Make the host read the server's network information from Neutron again. Nothing is
        written into the guest, as with Nova's libvirt driver."""
        state_checks.check(context, instance, "injectNetworkInfo")
        self.refresh_network_info(context, instance)

    def refresh_network_info(self, context: RequestContext, instance: Instance) -> None:
        """Make the host of a server, if it has one, read the ports from Neutron again."""
        if instance.host is None:
            return
        event: ExternalEvent = {
            "name": "network-changed",
            "server_uuid": instance.uuid,
            "status": "completed",
        }
        self.compute_rpcapi.external_instance_event(context, instance.host, [event])
