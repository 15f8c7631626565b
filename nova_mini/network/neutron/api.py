"""The interface of the rest of nova_mini to the network service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from oslo_log import log as logging

from nova_mini import disclosure, exception, service_auth
from nova_mini.network.neutron import (
    bindings,
    constants,
    networks,
    nw_info,
    ports,
    security_groups,
    validation,
)
from nova_mini.network.neutron.client import NeutronClient, distinct
from nova_mini.network.neutron.topology import Topology
from nova_mini.objects.network_model import VIF, NetworkInfo, NetworkRequest, RequestedNetworks
from nova_mini.trace import traced

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance

LOG = logging.getLogger(__name__)

# A DHCP option that no client requests (RFC 3942 reserves it for site-specific use), and the value
# that nova_mini sets; see ``is_wired``.
_SITE_OPTION, _OPTION_VALUE = "254", "1"
# Neutron sets this group on a port without a request.
_DEFAULT_GROUPS: tuple[list[str], ...] = ([], ["default"])


class API:
    """One object per process; thread-safe.

    A user's request is resolved with the user's token, so that it refers only to resources that
    the user can see. Ports are created and bound with the service's credentials. All changes are
    idempotent. Raises NeutronConnectionFailed when Neutron does not answer.
    """

    def __init__(self) -> None:
        self._topology = Topology()

    # -- before a server is made (the API service) -----------------------------------------------

    def validate_networks(
        self, context: RequestContext, requested_networks: RequestedNetworks, max_count: int
    ) -> int:
        """For how many servers, 1 to ``max_count``, the request can be fulfilled.

        Raises NetworkNotFound, PortNotFound, PortInUse, PortNotUsable, PortRequiresFixedIP,
        NetworkAmbiguous, NetworkRequiresSubnet, ExternalNetworkAttachForbidden, Forbidden,
        FixedIpAlreadyInUse, InvalidInput, UnableToAutoAllocateNetwork, PortLimitExceeded,
        PortResourceRequestNotSupported.
        """
        if _requests_no_network(requested_networks):
            return max_count
        count = validation.validate(context, _user(context), requested_networks, max_count)
        validation.check_resource_requests(_service(context), requested_networks)
        return count

    def validate_security_groups(self, context: RequestContext, names: list[str]) -> list[str]:
        """The ids of security groups; ``names``: names or ids. Empty for the default group. Raises
        SecurityGroupNotFound, SecurityGroupAmbiguous."""
        if names in _DEFAULT_GROUPS:
            return []
        return validation.security_group_ids(_user(context), context.project_id, names)

    # -- a server's life (the compute service) ---------------------------------------------------

    @traced("API.allocate_for_instance")
    def allocate_for_instance(
        self,
        context: RequestContext,
        instance: Instance,
        requested_networks: RequestedNetworks,
        security_groups: list[str],
        bind_host_id: str,
    ) -> NetworkInfo:
        """Create or adopt a port for every requested network, in that order, and bind it to the
        host.

        Ports of an earlier attempt, also of one on another host, are adopted. After a failure the
        ports that this call created are deleted. ``security_groups``: names or ids.
        """
        if _requests_no_network(requested_networks):
            return NetworkInfo()
        before = ports.of_device(_service(context), instance.uuid)
        created = [port for port in before if constants.is_created_by_us(port)]
        requests = networks.resolve(
            _user(context), instance.project_id, requested_networks, created
        )
        allocation = ports.Allocation(_service(context), instance, bind_host_id, before, before)
        return self._allocate(context, instance, allocation, requests, security_groups)

    def allocate_port_for_instance(
        self,
        context: RequestContext,
        instance: Instance,
        request: NetworkRequest,
        bind_host_id: str,
    ) -> VIF:
        """Create or adopt a port for another interface of an instance. A port that an earlier
        attempt created is adopted: it is not in the instance's ``network_info`` yet."""
        attached = {vif.id for vif in instance.network_info}
        before = ports.of_device(_service(context), instance.uuid)
        new = [port for port in before if port["id"] not in attached]
        requests = networks.resolve(_user(context), instance.project_id, [request], [])
        allocation = ports.Allocation(_service(context), instance, bind_host_id, before, new)
        return self._allocate(context, instance, allocation, requests, [])[0]

    def _allocate(
        self,
        context: RequestContext,
        instance: Instance,
        allocation: ports.Allocation,
        requests: list[NetworkRequest],
        security_groups: list[str],
    ) -> NetworkInfo:
        client = _service(context)
        network_ids = distinct(item.network_id for item in requests if not item.port_id)
        records = self._topology.get(client, network_ids)
        group_ids = None
        if security_groups not in _DEFAULT_GROUPS:
            group_ids = validation.security_group_ids(client, instance.project_id, security_groups)
        try:
            found = allocation.ensure(requests, records, group_ids)
            new_ports = frozenset(port["id"] for port in found if allocation.is_new(port))
            vifs = nw_info.build(
                client, self._topology, found, NetworkInfo(), new_ports=new_ports, fresh=False
            )
        except Exception:
            _undo(allocation, instance)
            raise
        for vif, item in zip(vifs, requests, strict=True):
            vif.tag = item.tag
        return vifs

    def deallocate_for_instance(self, context: RequestContext, instance: Instance) -> None:
        """Delete the ports that nova_mini created, and unbind those that the user created."""
        self.deallocate_device(context, instance.uuid)

    def deallocate_device(self, context: RequestContext, instance_uuid: str) -> None:
        """As :meth:`deallocate_for_instance`, for a server that was deleted already."""
        if service_auth.is_configured("neutron"):
            client = _service(context)
            ports.release(client, ports.of_device(client, instance_uuid))

    def deallocate_port_for_instance(
        self, context: RequestContext, instance: Instance, port_id: str
    ) -> None:
        """Delete or unbind one port of the server. A port of another server is not changed."""
        client = _service(context)
        ports.release(client, client.list("ports", id=port_id, device_id=instance.uuid))

    def setup_instance_network_on_host(
        self, context: RequestContext, instance: Instance, host: str
    ) -> None:
        """Bind the server's ports to ``host``. Ports that are bound to it are not changed."""
        if service_auth.is_configured("neutron"):
            client = _service(context)
            for port in ports.of_device(client, instance.uuid):
                ports.bind(client, instance, host, port)

    def cleanup_instance_network_on_host(
        self, context: RequestContext, instance: Instance, host: str
    ) -> None:
        """Unbind the server's ports from ``host``; they still belong to the server."""
        if service_auth.is_configured("neutron"):
            client = _service(context)
            for port in ports.of_device(client, instance.uuid):
                ports.unbind(client, host, port)

    # -- live migration ----------------------------------------------------------------------------

    def bind_to_second_host(
        self, context: RequestContext, instance: Instance, host: str
    ) -> NetworkInfo:
        """Let ``host`` be ready for the server's ports, which stay bound to their present host.
        Returns the interfaces as they will be on ``host``. Bindings to other hosts are removed.
        Idempotent. Raises PortBindingFailed."""
        if not service_auth.is_configured("neutron"):
            return NetworkInfo()
        client = _service(context)
        found = [
            bindings.add(client, port, host) for port in ports.of_device(client, instance.uuid)
        ]
        # The host asks Neutron for the newest networks when the guest is there.
        return nw_info.build(client, self._topology, found, instance.network_info, fresh=False)

    def activate_binding(self, context: RequestContext, instance: Instance, host: str) -> None:
        """Let the ports' traffic go to ``host``, which has a binding. Idempotent."""
        if service_auth.is_configured("neutron"):
            client = _service(context)
            for port in ports.of_device(client, instance.uuid):
                bindings.activate(client, port, host)

    def remove_second_binding(self, context: RequestContext, instance: Instance, host: str) -> None:
        """Leave the ports only the binding to ``host``, which is activated. Idempotent."""
        if service_auth.is_configured("neutron"):
            client = _service(context)
            for port in ports.of_device(client, instance.uuid):
                bindings.activate(client, port, host)
                bindings.remove_others(client, port, host)

    # -- security groups of a server (the API service) -------------------------------------------

    def add_security_group(
        self, context: RequestContext, instance: Instance, name: str
    ) -> dict[str, list[str]]:
        """Add a security group to all ports of the server. Returns port id -> names of its groups.

        ``name``: name or id of the group. Raises SecurityGroupNotFound, SecurityGroupAmbiguous,
        SecurityGroupCannotBeApplied.
        """
        return self._change_security_groups(context, instance, name, security_groups.add)

    def remove_security_group(
        self, context: RequestContext, instance: Instance, name: str
    ) -> dict[str, list[str]]:
        """Remove a security group from all ports of the server; see :meth:`add_security_group`.
        Raises SecurityGroupNotFound also when no port of the server has the group."""
        return self._change_security_groups(context, instance, name, security_groups.remove)

    def get_instance_security_groups(
        self, context: RequestContext, instance_uuid: str
    ) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
        """See ``security_groups.of_ports``; empty in a cloud without Neutron."""
        if not service_auth.is_configured("neutron"):
            return [], {}
        client = _user(context)
        return security_groups.of_ports(client, ports.of_device(client, instance_uuid))

    def _change_security_groups(
        self,
        context: RequestContext,
        instance: Instance,
        name: str,
        change: Callable[[NeutronClient, list[dict[str, Any]], str], None],
    ) -> dict[str, list[str]]:
        client = _user(context)
        (group_id,) = validation.security_group_ids(client, instance.project_id, [name])
        change(client, ports.of_device(client, instance.uuid), group_id)
        return security_groups.names_by_port(client, ports.of_device(client, instance.uuid))

    # -- queries ---------------------------------------------------------------------------------

    def is_configured(self) -> bool:
        """Whether this cloud has Neutron."""
        return service_auth.is_configured("neutron")

    def is_port_gone(self, context: RequestContext, instance: Instance, vif: VIF) -> bool:
        """Whether the port of ``vif`` was deleted or belongs to another device now. A port that is
        not found counts as deleted only if its network is found: otherwise this service may not be
        allowed to see either of them."""
        client = _service(context)
        found = client.list("ports", id=vif.id, fields=["id", "device_id"])
        if found:
            return found[0]["device_id"] != instance.uuid
        return bool(client.list("networks", id=vif.network.id, fields=["id"]))

    def get_instance_nw_info(self, context: RequestContext, instance: Instance) -> NetworkInfo:
        """The instance's network as Neutron has it now; order and tags are kept."""
        if not service_auth.is_configured("neutron"):
            return NetworkInfo()
        client = _service(context)
        found = ports.of_device(client, instance.uuid)
        return nw_info.build(client, self._topology, found, instance.network_info)

    def list_ports(self, context: RequestContext, **filters: Any) -> list[dict[str, Any]]:
        """Neutron's records of the ports, read with the user's token."""
        if not service_auth.is_configured("neutron"):
            return []
        return _user(context).list("ports", **filters)

    def show_port(self, context: RequestContext, port_id: str) -> dict[str, Any]:
        """Raises PortNotFound."""
        found = self.list_ports(context, id=port_id)
        if not found:
            raise exception.PortNotFound(port_id=port_id)
        return found[0]

    def is_wired(self, context: RequestContext, port_id: str) -> bool:
        """Whether the port is wired. If it is not, Neutron is made to notify its agents again.

        Neutron's message to its agents may be lost with a broker. Neutron does not send it again,
        but it sends a message for every change of a port. So the description is changed and changed
        back, for the agent that wires the port, and an extra DHCP option, for the DHCP agent: a
        port is not ready before that agent has configured it.
        """
        client = _service(context)
        fields = ["status", "description", "extra_dhcp_opts"]
        found = client.list("ports", id=port_id, fields=fields)
        if not found:
            raise exception.PortNotFound(port_id=port_id)
        (port,) = found
        if port["status"] == "ACTIVE":
            return True
        for change in _changes_without_effect(port):
            client.update("ports", port_id, change)
        return False

    def list_ports_on_host(self, context: RequestContext, host: str) -> list[dict[str, Any]]:
        """id, device_id, device_owner and project_id of all ports of servers that are bound to
        ``host``."""
        if not service_auth.is_configured("neutron"):
            return []
        found = _service(context).list(
            "ports",
            fields=["id", "device_id", "device_owner", "project_id"],
            **{constants.BINDING_HOST: host},
        )
        return [p for p in found if p["device_owner"].startswith(constants.DEVICE_OWNER_COMPUTE)]

    def list_server_ports(self, context: RequestContext) -> Iterator[dict[str, Any]]:
        """id, device_id and device_owner of all ports of servers, including other clouds'."""
        for port in _service(context).list_all("ports", "id", "device_id", "device_owner"):
            if port["device_owner"].startswith(constants.DEVICE_OWNER_COMPUTE):
                yield port

    def get_instance_uuid_by_address(self, context: RequestContext, address: str) -> str | None:
        """The uuid of the server with this fixed address; None also if two servers have it (in two
        projects)."""
        found = _service(context).list(
            "ports", fixed_ips=f"ip_address={address}", fields=["device_id", "device_owner"]
        )
        owners = distinct(
            port["device_id"]
            for port in found
            if port["device_owner"].startswith(constants.DEVICE_OWNER_COMPUTE)
        )
        return owners[0] if len(owners) == 1 else None


def _user(context: RequestContext) -> NeutronClient:
    return NeutronClient(context)


def _service(context: RequestContext) -> NeutronClient:
    return NeutronClient(context, as_service=True)


def _changes_without_effect(port: dict[str, Any]) -> list[dict[str, Any]]:
    """Two changes after which the port is as before. The second one also removes an option that a
    process left when it died between them. A user's option is not changed."""
    description = port["description"] or ""
    changes = [{"description": description + " "}, {"description": description}]
    options = port.get("extra_dhcp_opts")  # None: Neutron does not have that extension
    if options is None or any(_is_users_option(option) for option in options):
        return changes
    for change, value in zip(changes, (_OPTION_VALUE, None), strict=True):
        change["extra_dhcp_opts"] = [{"opt_name": _SITE_OPTION, "opt_value": value}]
    return changes


def _is_users_option(option: dict[str, str]) -> bool:
    return option["opt_name"] == _SITE_OPTION and option["opt_value"] != _OPTION_VALUE


def _undo(allocation: ports.Allocation, instance: Instance) -> None:
    """Release the ports of a failed allocation. If that fails, the server's deallocation releases
    them later."""
    try:
        allocation.undo()
    except exception.NovaException as exc:
        message = disclosure.message_for_operator(exc)
        LOG.warning(
            "Could not release the ports of a failed allocation: %s", message, instance=instance
        )


def _requests_no_network(requested: RequestedNetworks) -> bool:
    """In a cloud without Neutron, servers have no interfaces. Raises InvalidInput if a network is
    requested there."""
    if requested == "none" or service_auth.is_configured("neutron"):
        return requested == "none"
    if requested:
        raise exception.InvalidInput(
            reason="this cloud has no network service; set networks to none."
        )
    return True
