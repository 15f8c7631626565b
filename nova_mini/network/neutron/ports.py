"""The ports of one server: adopt, create, bind, release.

Every function asks Neutron what is there before it acts, so each may be called again after a
crash or a lost answer. A port that we created is marked (``constants.is_ours``) and is deleted
with its server; a port that a user brought is bound and later set free.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from oslo_log import log as logging

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.network import model
from nova_mini.network.model import NetworkRequest
from nova_mini.network.neutron import constants
from nova_mini.network.neutron.client import NeutronClient
from nova_mini.network.neutron.topology import NetworkRecord

LOG = logging.getLogger(__name__)

_ATTEMPTS = 4
_PRECONDITION_FAILED = 412
_NOT_BOUND = (model.VIF_TYPE_UNBOUND, model.VIF_TYPE_BINDING_FAILED)

Port = dict[str, Any]


def of_device(client: NeutronClient, device_id: str) -> list[Port]:
    return client.list("ports", device_id=device_id)


def owner_fields(instance, host: str) -> Port:
    """What says that a port is this server's, on this host."""
    zone = instance.availability_zone or CONF.default_availability_zone
    return {
        "device_id": instance.uuid,
        "device_owner": constants.DEVICE_OWNER_COMPUTE + zone,
        constants.BINDING_HOST: host,
    }


def pair(requests: list[NetworkRequest], present: list[Port]) -> list[Port | None]:
    """For each request the port that is there for it already, or None.

    Two requests for one network, neither with an address, may swap ports: they are the same.
    """
    left = {port["id"]: port for port in present}
    found: list[Port | None] = [left.pop(item.port_id, None) for item in requests]
    for exact in (True, False):
        for index, item in enumerate(requests):
            if found[index] is None and not item.port_id and bool(item.address) is exact:
                port = next((p for p in left.values() if _answers(p, item)), None)
                found[index] = left.pop(port["id"]) if port else None
    return found


def _answers(port: Port, item: NetworkRequest) -> bool:
    addresses = {ip["ip_address"] for ip in port["fixed_ips"]}
    return (
        constants.is_ours(port)
        and port["network_id"] == item.network_id
        and (not item.address or item.address in addresses)
    )


class Allocation:
    """Getting the ports for one server on one host.

    ``before``: every port that the server has already. ``candidates``: those among them that may
    answer the requests, because an earlier attempt made them.
    """

    def __init__(
        self,
        client: NeutronClient,
        instance,
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
        """A bound port for each request, in their order: adopted, the user's own, or new."""
        found = [port and self._bind(port) for port in pair(requests, self._candidates)]
        for index, item in enumerate(requests):
            if found[index] is None and item.port_id:
                found[index] = self._bind(usable(self._client, self._instance, item.port_id))
        missing = [index for index, port in enumerate(found) if port is None]
        if missing:
            wanted = [requests[index] for index in missing]
            bodies = [self._new_port(item, records, group_ids) for item in wanted]
            for index, port in zip(missing, self._create(bodies, wanted), strict=True):
                found[index] = port
        for port in found:
            if port[constants.BINDING_VIF_TYPE] == model.VIF_TYPE_BINDING_FAILED:
                raise exception.PortBindingFailed(port_id=port["id"])
        return found

    def undo(self) -> None:
        """Release what the server did not have before."""
        release(self._client, self._since(self._known))

    def is_new(self, port: Port) -> bool:
        return port["id"] not in self._known and constants.is_ours(port)

    def _since(self, known: set[str]) -> list[Port]:
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
            if not records[item.network_id].network.get("port_security_enabled", True):
                raise exception.SecurityGroupCannotBeApplied(network_id=item.network_id)
            body["security_groups"] = group_ids
        return body

    def _create(self, bodies: list[Port], wanted: list[NetworkRequest]) -> list[Port]:
        """All of them in one request. After a lost answer, look whether they are there."""
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(2 ** (attempt - 1))
                since = [port for port in self._since(self._known) if constants.is_ours(port)]
                adopted = pair(wanted, since)
                if all(adopted):
                    return adopted
                release(self._client, since)  # all or nothing: not the answer to our request
            try:
                created = self._client.create("ports", bodies)
            except exception.NeutronConnectionFailed:
                if attempt == _ATTEMPTS - 1:
                    raise
                LOG.warning("The answer to creating ports was lost; looking again.")
                continue
            except exception.NeutronRequestRefused as exc:
                raise _translate_refusal(exc, bodies) from exc
            if attempt:
                self._release_late(created)
            return created
        raise AssertionError("unreachable")

    def _release_late(self, created: list[Port]) -> None:
        """An earlier request, whose answer was lost, may have been done while we repeated it."""
        since = self._since(self._known | {port["id"] for port in created})
        release(self._client, [port for port in since if constants.is_ours(port)])


def _translate_refusal(
    exc: exception.NeutronRequestRefused, bodies: list[Port]
) -> exception.NovaException:
    network_ids = ", ".join(dict.fromkeys(body["network_id"] for body in bodies))
    addresses = ", ".join(
        ip["ip_address"] for body in bodies for ip in body.get("fixed_ips", ())
    )
    match exc.error_type:
        case "OverQuota":
            return exception.PortLimitExceeded()
        case "IpAddressGenerationFailure":
            return exception.NoMoreFixedIps(net=network_ids)
        case "IpAddressAlreadyAllocated" | "IpAddressInUse":
            return exception.FixedIpAlreadyInUse(
                address=addresses, instance_uuid="(another owner)"
            )
        case "InvalidIpForNetwork" | "InvalidIpForSubnet":
            return exception.InvalidInput(
                reason=f"{addresses} is no address of network {network_ids}."
            )
        case "NetworkNotFound":
            return exception.NetworkNotFound(network_id=network_ids)
        case "SecurityGroupNotFound":
            return exception.SecurityGroupNotFound(security_group_id=exc.kwargs["reason"])
    return exc


# -- ports that are there ------------------------------------------------------------------------


def usable(client: NeutronClient, instance, port_id: str) -> Port:
    """Raises PortNotFound, PortNotUsable, PortInUse, PortRequiresFixedIP."""
    found = client.list("ports", id=port_id)
    if not found:
        raise exception.PortNotFound(port_id=port_id)
    check_usable(found[0], instance.project_id, instance.uuid)
    return found[0]


def check_usable(port: Port, project_id: str, instance_uuid: str | None = None) -> None:
    """Whether a server of that project may take this port. Raises as :func:`usable`."""
    if port["project_id"] != project_id:
        raise exception.PortNotUsable(port_id=port["id"], instance=instance_uuid or "")
    if port.get("device_id") and port["device_id"] != instance_uuid:
        raise exception.PortInUse(port_id=port["id"])
    if not port["fixed_ips"] and port.get("ip_allocation", "immediate") == "immediate":
        raise exception.PortRequiresFixedIP(port_id=port["id"])


def bind(client: NeutronClient, instance, host: str, port: Port) -> Port:
    """Make the port this server's on this host, unless another took it; raises as ``usable``."""
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
        port = usable(client, instance, port["id"])  # somebody changed it: may we still?
    raise exception.PortInUse(port_id=port["id"])


def release(client: NeutronClient, ports: list[Port]) -> None:
    """Delete those that we made, set the others free. Gone already is fine."""
    for port in ports:
        if constants.is_ours(port):
            client.delete("ports", port["id"])
        else:
            _set_free(client, port)


def unbind(client: NeutronClient, host: str, port: Port) -> None:
    """Leave the port to its device, on no host; one that is bound elsewhere by now stays so."""

    def is_there(port: Port) -> bool:
        return port.get(constants.BINDING_HOST) == host

    if is_there(port):
        _change_while(is_there, client, port, {constants.BINDING_HOST: ""})


def _set_free(client: NeutronClient, port: Port) -> None:
    """Only while it is still the port of the device that we saw."""
    device_id = port["device_id"]
    freed = {"device_id": "", "device_owner": "", constants.BINDING_HOST: None}
    _change_while(lambda port: port["device_id"] == device_id, client, port, freed)


def _change_while(
    is_so: Callable[[Port], bool], client: NeutronClient, port: Port, change: Port
) -> None:
    """Whatever else is changed meanwhile; gone already is fine."""
    for _ in range(_ATTEMPTS):
        try:
            client.update("ports", port["id"], change, port.get("revision_number"))
            return
        except exception.NeutronRequestRefused as exc:
            if exc.status == 404:
                return
            if exc.status != _PRECONDITION_FAILED:
                raise
        now = client.list("ports", id=port["id"])
        if not now or not is_so(now[0]):
            return
        port = now[0]
    raise exception.PortInUse(port_id=port["id"])
