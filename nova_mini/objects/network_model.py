"""The network of a server: its interfaces, their networks, subnets and addresses.

``NetworkInfo`` is stored as JSON with the instance (the info cache), so that the API and the driver
need no request to Neutron for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal, Self, TypedDict, cast

VIF_TYPE_OVS = "ovs"
VIF_TYPE_BRIDGE = "bridge"
VIF_TYPE_UNBOUND = "unbound"
VIF_TYPE_BINDING_FAILED = "binding_failed"

NIC_NAME_LEN = 14  # the limit of Linux and Neutron's agent, including the prefix


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.to_dict() if isinstance(value, _Model) else value


class _Model:
    """A dataclass that is converted to plain data and back. Unknown keys, which a newer release may
    have written, are ignored."""

    __slots__ = ()
    _nested: ClassVar[
        dict[str, Any]
    ] = {}  # field name -> class of the field or, for a list, of its items

    def to_dict(self) -> dict[str, Any]:
        return {f.name: _plain(getattr(self, f.name)) for f in fields(cast("Any", self))}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        known = {f.name: data[f.name] for f in fields(cast("Any", cls)) if f.name in data}
        for name, nested in cls._nested.items():
            value = known.get(name)
            if isinstance(value, list):
                known[name] = [nested.from_dict(item) for item in value]
            elif value is not None:
                known[name] = nested.from_dict(value)
        return cls(**known)


@dataclass(slots=True)
class FixedIP(_Model):
    address: str
    version: int = 4
    floating_ips: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Route(_Model):
    cidr: str
    gateway: str


@dataclass(slots=True)
class Subnet(_Model):
    """A subnet with this interface's addresses in it (``ips``).

    ``meta`` has ``enable_dhcp`` and, if Neutron has one, ``ipv6_address_mode``.
    """

    cidr: str
    version: int = 4
    gateway: str | None = None
    dns: list[str] = field(default_factory=list)
    ips: list[FixedIP] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)
    dhcp_server: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    id: str | None = None


Subnet._nested = {"ips": FixedIP, "routes": Route}


@dataclass(slots=True)
class Network(_Model):
    """``mtu`` is in bytes. ``injected``: addresses are written into the guest, without DHCP."""

    id: str
    label: str = ""
    bridge: str | None = None
    mtu: int | None = None
    tenant_id: str | None = None
    injected: bool = False
    physical_network: str | None = None
    subnets: list[Subnet] = field(default_factory=list)


Network._nested = {"subnets": Subnet}


@dataclass(slots=True)
class VIF(_Model):
    """One interface of a server; ``id`` is the Neutron port, ``address`` its MAC."""

    id: str
    address: str
    network: Network
    type: str = VIF_TYPE_UNBOUND
    details: dict[str, Any] = field(default_factory=dict)
    vnic_type: str = "normal"
    profile: dict[str, Any] = field(default_factory=dict)
    active: bool = False
    preserve_on_delete: bool = False
    tag: str | None = None
    security_groups: list[str] = field(default_factory=list)

    @property
    def devname(self) -> str:
        return f"tap{self.id}"[:NIC_NAME_LEN]

    @property
    def ovs_interfaceid(self) -> str:
        return self.id

    @property
    def hybrid_plug(self) -> bool:
        """Whether a Linux bridge connects guest and switch, so that iptables can filter."""
        return bool(self.details.get("ovs_hybrid_plug", False))

    @property
    def port_filter(self) -> bool:
        """Whether Neutron filters this port's traffic itself."""
        return bool(self.details.get("port_filter", False))

    def fixed_ips(self) -> list[FixedIP]:
        return [ip for subnet in self.network.subnets for ip in subnet.ips]

    def floating_ips(self) -> list[str]:
        return [address for ip in self.fixed_ips() for address in ip.floating_ips]


VIF._nested = {"network": Network}


class NetworkInfo(list[VIF]):
    """The interfaces of one server, in the order in which the guest sees them."""

    def to_json(self) -> str:
        return json.dumps([vif.to_dict() for vif in self], separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | None) -> NetworkInfo:
        return cls(VIF.from_dict(vif) for vif in json.loads(text)) if text else cls()

    def fixed_ips(self) -> list[FixedIP]:
        return [ip for vif in self for ip in vif.fixed_ips()]

    def get(self, port_id: str) -> VIF | None:
        return next((vif for vif in self if vif.id == port_id), None)


# -- requests ------------------------------------------------------------------------------------


class StoredNetworkRequest(TypedDict):
    """:class:`NetworkRequest` as plain data."""

    network_id: str | None
    port_id: str | None
    address: str | None
    tag: str | None


@dataclass(slots=True)
class NetworkRequest(_Model):
    """One requested interface: a port, or a network and maybe a fixed ``address`` in it.

    Without port and network: the only network of the project.
    """

    network_id: str | None = None
    port_id: str | None = None
    address: str | None = None
    tag: str | None = None

    @property
    def known_network_id(self) -> str:
        """The id of the network of a request that was resolved. Raises ValueError without one."""
        if self.network_id is None:
            raise ValueError("the network of the request is not known")
        return self.network_id


#: An empty list: the user requested no network, so it is the project's only one, if there is one.
RequestedNetworks = list[NetworkRequest] | Literal["auto", "none"]
StoredNetworkRequests = list[StoredNetworkRequest] | Literal["auto", "none"]


def requests_to_primitive(requested: RequestedNetworks) -> StoredNetworkRequests:
    """The requests as plain data, for a database column."""
    if isinstance(requested, str):
        return requested
    return [cast("StoredNetworkRequest", item.to_dict()) for item in requested]


def requests_from_primitive(data: StoredNetworkRequests | None) -> RequestedNetworks:
    if isinstance(data, str):
        return data
    return [NetworkRequest.from_dict(item) for item in data or ()]
