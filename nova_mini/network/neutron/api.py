"""What the rest of nova_mini asks of the network service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from oslo_log import log as logging

from nova_mini import exception, service_auth
from nova_mini.network.model import VIF, NetworkInfo, NetworkRequest, RequestedNetworks
from nova_mini.network.neutron import (
    constants,
    networks,
    nw_info,
    ports,
    security_groups,
    validation,
)
from nova_mini.network.neutron.client import NeutronClient, distinct
from nova_mini.network.neutron.topology import Topology
from nova_mini.trace import traced

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance

LOG = logging.getLogger(__name__)

# An option of DHCP that no client asks for (RFC 3942 leaves it to the site), and its value of ours.
_SITE_OPTION, _TOLD = "254", "1"
_DEFAULT_GROUPS = ([], ["default"])  # what Neutron gives a port that names none


class API:
    """One per process, for all its threads.

    What a user asks for is looked at with the user's token, so that it means what that user can
    see; ports are made and bound with our own credentials. Every change may be repeated after a
    crash. Raises NeutronConnectionFailed when Neutron does not answer.
    """

    def __init__(self) -> None:
        self._topology = Topology()

    # -- before a server is made (the API service) -----------------------------------------------

    def validate_networks(
        self, context: RequestContext, requested_networks: RequestedNetworks, max_count: int
    ) -> int:
        """How many servers, 1 to ``max_count``, can get what is asked for.

        Raises NetworkNotFound, PortNotFound, PortInUse, PortNotUsable, PortRequiresFixedIP,
        NetworkAmbiguous, NetworkRequiresSubnet, ExternalNetworkAttachForbidden, Forbidden,
        FixedIpAlreadyInUse, InvalidInput, UnableToAutoAllocateNetwork, PortLimitExceeded.
        """
        if _wants_no_network(requested_networks):
            return max_count
        return validation.validate(context, _user(context), requested_networks, max_count)

    def validate_security_groups(self, context: RequestContext, names: list[str]) -> list[str]:
        """Their ids. Raises SecurityGroupNotFound, SecurityGroupAmbiguous."""
        if names in _DEFAULT_GROUPS:
            return []
        return validation.security_group_ids(_user(context), context.project_id, names)

    # -- a server's life (the compute service) ---------------------------------------------------

    @traced
    def allocate_for_instance(
        self,
        context: RequestContext,
        instance: Instance,
        requested_networks: RequestedNetworks,
        security_groups: list[str],
        bind_host_id: str,
    ) -> NetworkInfo:
        """A port, bound to the host, for every requested network, in that order.

        Ports that an earlier attempt made are adopted, on whichever host it was; after a failure
        what this call made is gone again. ``security_groups``: names or ids.
        """
        if _wants_no_network(requested_networks):
            return NetworkInfo()
        before = ports.of_device(_service(context), instance.uuid)
        ours = [port for port in before if constants.is_ours(port)]
        requests = networks.resolve(_user(context), instance.project_id, requested_networks, ours)
        work = ports.Allocation(_service(context), instance, bind_host_id, before, before)
        return self._allocate(context, instance, work, requests, security_groups)

    def allocate_port_for_instance(
        self,
        context: RequestContext,
        instance: Instance,
        request: NetworkRequest,
        bind_host_id: str,
    ) -> VIF:
        """One interface more. A port that an earlier attempt made, which the instance's
        ``network_info`` does not have yet, is adopted."""
        attached = {vif.id for vif in instance.network_info}
        before = ports.of_device(_service(context), instance.uuid)
        new = [port for port in before if port["id"] not in attached]
        requests = networks.resolve(_user(context), instance.project_id, [request], [])
        work = ports.Allocation(_service(context), instance, bind_host_id, before, new)
        return self._allocate(context, instance, work, requests, [])[0]

    def _allocate(
        self,
        context: RequestContext,
        instance: Instance,
        work: ports.Allocation,
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
            found = work.ensure(requests, records, group_ids)
            newborn = frozenset(port["id"] for port in found if work.is_new(port))
            vifs = nw_info.build(
                client, self._topology, found, NetworkInfo(), newborn=newborn, fresh=False
            )
        except Exception:
            _undo(work, instance)
            raise
        for vif, item in zip(vifs, requests, strict=True):
            vif.tag = item.tag
        return vifs

    def deallocate_for_instance(self, context: RequestContext, instance: Instance) -> None:
        """Delete the ports that we made, set free those that the user brought."""
        self.deallocate_device(context, instance.uuid)

    def deallocate_device(self, context: RequestContext, instance_uuid: str) -> None:
        """The same by uuid, for what a sweep finds of a server that is no more."""
        if service_auth.is_configured("neutron"):
            client = _service(context)
            ports.release(client, ports.of_device(client, instance_uuid))

    def deallocate_port_for_instance(
        self, context: RequestContext, instance: Instance, port_id: str
    ) -> None:
        """A port that is another's by now is left alone."""
        client = _service(context)
        ports.release(client, client.list("ports", id=port_id, device_id=instance.uuid))

    def setup_instance_network_on_host(
        self, context: RequestContext, instance: Instance, host: str
    ) -> None:
        """Bind the server's ports to ``host``; those that are there already stay as they are."""
        if service_auth.is_configured("neutron"):
            client = _service(context)
            for port in ports.of_device(client, instance.uuid):
                ports.bind(client, instance, host, port)

    def cleanup_instance_network_on_host(
        self, context: RequestContext, instance: Instance, host: str
    ) -> None:
        """No port of the server is bound to ``host``; all of them stay the server's."""
        if service_auth.is_configured("neutron"):
            client = _service(context)
            for port in ports.of_device(client, instance.uuid):
                ports.unbind(client, host, port)

    # -- security groups of a server (the API service) -------------------------------------------

    def add_security_group(self, context: RequestContext, instance: Instance, name: str) -> None:
        """``name``: of a group, or its id. Raises SecurityGroupNotFound, SecurityGroupAmbiguous,
        SecurityGroupCannotBeApplied."""
        self._change_security_groups(context, instance, name, security_groups.add)

    def remove_security_group(self, context: RequestContext, instance: Instance, name: str) -> None:
        """Raises SecurityGroupNotFound, also when no port of the server has it."""
        self._change_security_groups(context, instance, name, security_groups.remove)

    def _change_security_groups(self, context, instance, name: str, change) -> None:
        client = _user(context)
        (group_id,) = validation.security_group_ids(client, instance.project_id, [name])
        change(client, ports.of_device(client, instance.uuid), group_id)

    # -- what is there ---------------------------------------------------------------------------

    def get_instance_nw_info(self, context: RequestContext, instance: Instance) -> NetworkInfo:
        """As Neutron has it now, to be kept with the instance; order and tags stay."""
        if not service_auth.is_configured("neutron"):
            return NetworkInfo()
        client = _service(context)
        found = ports.of_device(client, instance.uuid)
        return nw_info.build(client, self._topology, found, instance.network_info)

    def list_ports(self, context: RequestContext, **filters: Any) -> list[dict[str, Any]]:
        """Neutron's records, as the user may see them."""
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
        """Whether the port is wired; if it is not, Neutron tells its agents of it once more.

        What Neutron told them may be lost with a broker, and it does not repeat itself: only a
        change is told. So the description is changed and changed back, which those who wire hear
        of, and an option of DHCP, as the port is not ready before there is a lease for it either.
        """
        client = _service(context)
        fields = ["status", "description", "extra_dhcp_opts"]
        found = client.list("ports", id=port_id, fields=fields)
        if not found:
            raise exception.PortNotFound(port_id=port_id)
        (port,) = found
        if port["status"] == "ACTIVE":
            return True
        for change in _change_and_back(port):
            client.update("ports", port_id, change)
        return False

    def list_ports_on_host(self, context: RequestContext, host: str) -> list[dict[str, Any]]:
        """id, device_id, device_owner, project_id of every server port bound to ``host``."""
        if not service_auth.is_configured("neutron"):
            return []
        found = _service(context).list(
            "ports",
            fields=["id", "device_id", "device_owner", "project_id"],
            **{constants.BINDING_HOST: host},
        )
        return [p for p in found if p["device_owner"].startswith(constants.DEVICE_OWNER_COMPUTE)]

    def list_server_ports(self, context: RequestContext) -> Iterator[dict[str, Any]]:
        """id, device_id, device_owner of every port of every server, of whatever cloud."""
        for port in _service(context).list_all("ports", "id", "device_id", "device_owner"):
            if port["device_owner"].startswith(constants.DEVICE_OWNER_COMPUTE):
                yield port

    def get_instance_uuid_by_address(self, context: RequestContext, address: str) -> str | None:
        """Whose fixed address that is; None also when two projects use the same one."""
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


def _change_and_back(port: dict[str, Any]) -> list[dict[str, Any]]:
    """Two changes after which a port is as it was. An option that a process left which died between
    them goes with the second; one of a user's is left alone."""
    description = port["description"] or ""
    changes = [{"description": description + " "}, {"description": description}]
    options = port.get("extra_dhcp_opts")  # None: without that extension of Neutron's
    if options is None or any(_is_foreign(option) for option in options):
        return changes
    for change, value in zip(changes, (_TOLD, None), strict=True):
        change["extra_dhcp_opts"] = [{"opt_name": _SITE_OPTION, "opt_value": value}]
    return changes


def _is_foreign(option: dict[str, str]) -> bool:
    return option["opt_name"] == _SITE_OPTION and option["opt_value"] != _TOLD


def _undo(work: ports.Allocation, instance: Instance) -> None:
    """What this cannot reach, the server's deallocation will."""
    try:
        work.undo()
    except exception.NovaException:
        LOG.exception("Ports of a failed allocation are left.", instance=instance)


def _wants_no_network(requested: RequestedNetworks) -> bool:
    """A cloud without Neutron has servers without interfaces, for who does not ask for any."""
    if requested == "none" or service_auth.is_configured("neutron"):
        return requested == "none"
    if requested:
        raise exception.InvalidInput(reason="this cloud has no network service; ask for none.")
    return True
