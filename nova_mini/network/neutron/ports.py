"""The ports of one server: adopt, create, bind, release.

All functions are idempotent: they read Neutron's ports before they change them, so they can be
called again after a crash or a lost answer. Ports that nova_mini created have a mark
(``constants.is_created_by_us``) and are deleted with their server. A user's port is bound, and
unbound later.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from oslo_log import log as logging

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.network.neutron import constants
from nova_mini.network.neutron.client import NeutronClient
from nova_mini.network.neutron.topology import NetworkRecord
from nova_mini.objects import network_model
from nova_mini.objects.network_model import NetworkRequest

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance

LOG = logging.getLogger(__name__)

_ATTEMPTS = 4
_PRECONDITION_FAILED = 412
_NOT_BOUND = (network_model.VIF_TYPE_UNBOUND, network_model.VIF_TYPE_BINDING_FAILED)

Port = dict[str, Any]


def of_device(client: NeutronClient, device_id: str) -> list[Port]:
    return client.list("ports", device_id=device_id)


def owner_fields(instance: Instance, host: str) -> Port:
    """The fields of a port that assign it to a server and a host."""
    zone = instance.availability_zone or CONF.default_availability_zone
    return {
        "device_id": instance.uuid,
        "device_owner": constants.DEVICE_OWNER_COMPUTE + zone,
        constants.BINDING_HOST: host,
    }


def match(requests: list[NetworkRequest], present: list[Port]) -> list[Port | None]:
    """For each request the existing port that fulfills it, or None.

    Requests for the same network without an address are interchangeable.
    """
    left = {port["id"]: port for port in present}
    found: list[Port | None] = [left.pop(item.port_id, None) for item in requests]
    for exact in (True, False):
        for index, item in enumerate(requests):
            if found[index] is None and not item.port_id and bool(item.address) is exact:
                port = next((p for p in left.values() if _fulfills(p, item)), None)
                found[index] = left.pop(port["id"]) if port else None
    return found


def _fulfills(port: Port, item: NetworkRequest) -> bool:
    addresses = {ip["ip_address"] for ip in port["fixed_ips"]}
    return (
        constants.is_created_by_us(port)
        and port["network_id"] == item.network_id
        and (not item.address or item.address in addresses)
    )


class Allocation:
    """The allocation of ports for one server on one host.

    ``before``: all ports that the server has. ``candidates``: those of them that an earlier attempt
    created for the same requests, so that they can be adopted.
    """

    def __init__(
        self,
        client: NeutronClient,
        instance: Instance,
        host: str,
        before: list[Port],
        candidates: list[Port],
    ):
        self._client = client
        self._instance = instance
        self._host = host
        self._candidates = candidates
        self._known = {port["id"] for port in before}

    def ensure(
        self,
        requests: list[NetworkRequest],
        records: dict[str, NetworkRecord],
        group_ids: list[str] | None,
    ) -> list[Port]:
        """A bound port for each request, in the same order: adopted, a user's, or new."""
        found: list[Port | None] = [
            port and self._bind(port) for port in match(requests, self._candidates)
        ]
        for index, item in enumerate(requests):
            if found[index] is None and item.port_id:
                found[index] = self._bind(usable(self._client, self._instance, item.port_id))
        missing = [index for index, port in enumerate(found) if port is None]
        if missing:
            to_create = [requests[index] for index in missing]
            bodies = [self._new_port(item, records, group_ids) for item in to_create]
            for index, port in zip(missing, self._create(bodies, to_create), strict=True):
                found[index] = port
        complete = [port for port in found if port is not None]
        for port in complete:
            check_resource_request(port)  # a new port may get one by its network's QoS policy
            if port[constants.BINDING_VIF_TYPE] == network_model.VIF_TYPE_BINDING_FAILED:
                raise exception.PortBindingFailed(port_id=port["id"])
        return complete

    def undo(self) -> None:
        """Release the ports that the server did not have before."""
        release(self._client, self._list_new_ports(self._known))

    def is_new(self, port: Port) -> bool:
        return port["id"] not in self._known and constants.is_created_by_us(port)

    def _list_new_ports(self, known: set[str]) -> list[Port]:
        return [p for p in of_device(self._client, self._instance.uuid) if p["id"] not in known]

    def _bind(self, port: Port) -> Port:
        return bind(self._client, self._instance, self._host, port)

    def _new_port(
        self, item: NetworkRequest, records: dict[str, NetworkRecord], group_ids: list[str] | None
    ) -> Port:
        body = {
            **owner_fields(self._instance, self._host),
            "network_id": item.network_id,
            "project_id": self._instance.project_id,
            "admin_state_up": True,
            constants.BINDING_PROFILE: {constants.CREATED_BY_US: True},
        }
        if item.address:
            body["fixed_ips"] = [{"ip_address": item.address}]
        if group_ids is not None:
            if not records[item.known_network_id].network.get("port_security_enabled", True):
                raise exception.SecurityGroupCannotBeApplied(network_id=item.network_id)
            body["security_groups"] = group_ids
        return body

    def _create(self, bodies: list[Port], requests: list[NetworkRequest]) -> list[Port]:
        """Create all ports in one request. After a lost answer, existing ports are adopted."""
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(2 ** (attempt - 1))
                new_ports = [
                    port
                    for port in self._list_new_ports(self._known)
                    if constants.is_created_by_us(port)
                ]
                adopted = [port for port in match(requests, new_ports) if port is not None]
                if len(adopted) == len(requests):
                    return adopted
                release(self._client, new_ports)  # only some of them: not from this request
            try:
                created = self._client.create("ports", bodies)
            except exception.NeutronConnectionFailed:
                if attempt == _ATTEMPTS - 1:
                    raise
                LOG.warning(
                    "Neutron's answer to the creation of ports was lost; retrying",
                    instance=self._instance,
                )
                continue
            except exception.NeutronRequestRefused as exc:
                raise _translate_refusal(exc, bodies) from exc
            if attempt:
                self._release_late(created)
            return created
        raise AssertionError("unreachable")

    def _release_late(self, created: list[Port]) -> None:
        """Release ports of an earlier request whose answer was lost, but which succeeded late."""
        late = self._list_new_ports(self._known | {port["id"] for port in created})
        release(self._client, [port for port in late if constants.is_created_by_us(port)])


def _translate_refusal(
    exc: exception.NeutronRequestRefused, bodies: list[Port]
) -> exception.NovaException:
    network_ids = ", ".join(dict.fromkeys(body["network_id"] for body in bodies))
    addresses = ", ".join(ip["ip_address"] for body in bodies for ip in body.get("fixed_ips", ()))
    match exc.error_type:
        case "OverQuota":
            return exception.PortLimitExceeded()
        case "IpAddressGenerationFailure":
            return exception.NoMoreFixedIps(net=network_ids)
        case "IpAddressAlreadyAllocated" | "IpAddressInUse":
            return exception.FixedIpAlreadyInUse(address=addresses, instance_uuid="(another owner)")
        case "InvalidIpForNetwork" | "InvalidIpForSubnet":
            return exception.InvalidInput(
                reason=f"{addresses} is not an address of network {network_ids}."
            )
        case "NetworkNotFound":
            return exception.NetworkNotFound(network_id=network_ids)
        case "SecurityGroupNotFound":
            return exception.SecurityGroupNotFound(security_group_id=exc.kwargs["reason"])
    return exc


# -- existing ports ------------------------------------------------------------------------------


def usable(client: NeutronClient, instance: Instance, port_id: str) -> Port:
    """The port, if the server may use it. Raises PortNotFound, PortNotUsable, PortInUse,
    PortRequiresFixedIP, PortResourceRequestNotSupported."""
    found = client.list("ports", id=port_id)
    if not found:
        raise exception.PortNotFound(port_id=port_id)
    check_usable(found[0], instance.project_id, instance.uuid)
    return found[0]


def check_usable(port: Port, project_id: str | None, instance_uuid: str | None = None) -> None:
    """Check that a server of the project may use this port. Raises as :func:`usable`.

    Neutron shows resource requests only to services and administrators.
    """
    check_resource_request(port)
    if port["project_id"] != project_id:
        raise exception.PortNotUsable(port_id=port["id"], instance=instance_uuid or "")
    if port.get("device_id") and port["device_id"] != instance_uuid:
        raise exception.PortInUse(port_id=port["id"])
    if not port["fixed_ips"] and port.get("ip_allocation", "immediate") == "immediate":
        raise exception.PortRequiresFixedIP(port_id=port["id"])


def check_resource_request(port: Port) -> None:
    """Raises PortResourceRequestNotSupported if the port requests bandwidth or packet rates."""
    request = port.get("resource_request") or {}
    if request.get("resources") or request.get("request_groups"):
        raise exception.PortResourceRequestNotSupported(port_id=port["id"])


def bind(client: NeutronClient, instance: Instance, host: str, port: Port) -> Port:
    """Assign the port to this server and bind it to this host. Raises as :func:`usable`, for
    example PortInUse if another server got the port meanwhile."""
    for _ in range(_ATTEMPTS):
        if (
            port.get("device_id") == instance.uuid
            and port.get(constants.BINDING_HOST) == host
            and port.get(constants.BINDING_VIF_TYPE) not in _NOT_BOUND
        ):
            return port
        try:
            return client.update(
                "ports", port["id"], owner_fields(instance, host), port.get("revision_number")
            )
        except exception.NeutronRequestRefused as exc:
            if exc.status == 404:
                raise exception.PortNotFound(port_id=port["id"]) from exc
            if exc.status != _PRECONDITION_FAILED:
                raise
        port = usable(client, instance, port["id"])  # it was changed: check it again
    raise exception.PortInUse(port_id=port["id"])


def release(client: NeutronClient, ports: list[Port]) -> None:
    """Delete the ports that nova_mini created, and unbind the others. Idempotent."""
    for port in ports:
        if constants.is_created_by_us(port):
            client.delete("ports", port["id"])
        else:
            _unassign(client, port)


def unbind(client: NeutronClient, host: str, port: Port) -> None:
    """Unbind the port from ``host``; it still belongs to its device. A port on another host is not
    changed."""

    def is_on_host(port: Port) -> bool:
        return port.get(constants.BINDING_HOST) == host

    if is_on_host(port):
        _change_while(is_on_host, client, port, {constants.BINDING_HOST: ""})


def _unassign(client: NeutronClient, port: Port) -> None:
    """Remove the port from its device and host, unless it belongs to another device meanwhile."""
    device_id = port["device_id"]
    unassigned = {"device_id": "", "device_owner": "", constants.BINDING_HOST: None}
    _change_while(lambda port: port["device_id"] == device_id, client, port, unassigned)


def _change_while(
    condition: Callable[[Port], bool], client: NeutronClient, port: Port, change: Port
) -> None:
    """Change the port if ``condition`` is true for it, also after concurrent changes. Does nothing
    if the port was deleted. Raises PortInUse after too many concurrent changes."""
    for _ in range(_ATTEMPTS):
        try:
            client.update("ports", port["id"], change, port.get("revision_number"))
            return
        except exception.NeutronRequestRefused as exc:
            if exc.status == 404:
                return
            if exc.status != _PRECONDITION_FAILED:
                raise
        found = client.list("ports", id=port["id"])
        if not found or not condition(found[0]):
            return
        port = found[0]
    raise exception.PortInUse(port_id=port["id"])
