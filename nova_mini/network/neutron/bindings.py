"""The bindings of a port to two hosts, while its server moves from one to the other.

One binding is active: Neutron sends the port's traffic to its host. The other host has the port
prepared, and gets the traffic when its binding is activated. A port that another program has
changed meanwhile may have lost a binding, so every function looks at what is there.

The profile of the active binding names the host to which the port moves, as Nova's does. Without
this mark, Neutron's agent at the destination does nothing before the guest is there.

Neutron unbinds a port and binds it again whenever the profile of its active binding changes. An
agent that looks at the port in between finds no binding to any host, and cuts the guest off for a
second. So the profile changes only while there is a second binding, and the binding to the
destination never gets the mark: it needs no change after the guest has come.
"""

from __future__ import annotations

import urllib.parse
from typing import Any

from nova_mini import exception
from nova_mini.network.neutron import constants
from nova_mini.network.neutron.client import NeutronClient
from nova_mini.objects import network_model

Port = dict[str, Any]


def add(client: NeutronClient, port: Port, host: str) -> Port:
    """Bind a port also to ``host``, and remove its other inactive bindings. Returns the port as it
    will be on that host. Raises PortBindingFailed."""
    if port[constants.BINDING_HOST] == host:
        return port  # this binding is active
    binding = None
    for each in _bindings(client, port):
        if each["host"] == host and _is_usable(each):
            binding = each
        elif each["status"] != "ACTIVE":
            _remove(client, port, each["host"])
    if binding is None:
        binding = _create(client, port, host)
    if not _is_usable(binding):
        raise exception.PortBindingFailed(port_id=port["id"])
    if _profile(port).get(constants.MIGRATING_TO) != host:
        _set_profile(client, port, {**_profile(port), constants.MIGRATING_TO: host})
    return {
        **port,
        constants.BINDING_HOST: host,
        constants.BINDING_VIF_TYPE: binding["vif_type"],
        constants.BINDING_VIF_DETAILS: binding["vif_details"],
    }


def activate(client: NeutronClient, port: Port, host: str) -> None:
    """Activate the binding to ``host``. A port without such a binding is bound to the host anew."""
    if port[constants.BINDING_HOST] == host:
        return  # its active binding
    if any(each["host"] == host for each in _bindings(client, port)):
        client.put(f"{_path(port)}/{_quoted(host)}/activate")
    else:
        client.update("ports", port["id"], {constants.BINDING_HOST: host})


def remove_others(client: NeutronClient, port: Port, host: str) -> None:
    """Remove all bindings but that to ``host``, which is active, and the mark of the move."""
    found = {each["host"]: each for each in _bindings(client, port)}
    profile = dict(found[host].get("profile") or {}) if host in found else {}
    if profile.pop(constants.MIGRATING_TO, None) is not None:
        _set_profile(client, port, profile)
    for other in found.keys() - {host}:
        _remove(client, port, other)
    # The agents ignore a port that has a second binding, and are not told when that is removed.
    # An update tells them, even one that changes nothing.
    client.update("ports", port["id"], {constants.BINDING_HOST: host})


def _create(client: NeutronClient, port: Port, host: str) -> dict[str, Any]:
    profile = _profile(port)
    profile.pop(constants.MIGRATING_TO, None)
    body = {
        "host": host,
        "vnic_type": port.get(constants.BINDING_VNIC_TYPE, "normal"),
        "profile": profile,
    }
    return client.post(_path(port), {"binding": body})["binding"]


def _profile(port: Port) -> dict[str, Any]:
    return dict(port.get(constants.BINDING_PROFILE) or {})


def _set_profile(client: NeutronClient, port: Port, profile: dict[str, Any]) -> None:
    client.update("ports", port["id"], {constants.BINDING_PROFILE: profile})


def _remove(client: NeutronClient, port: Port, host: str) -> None:
    client.delete(_path(port), _quoted(host))


def _bindings(client: NeutronClient, port: Port) -> list[dict[str, Any]]:
    return client.get(_path(port))["bindings"]


def _is_usable(binding: dict[str, Any]) -> bool:
    return binding["vif_type"] not in (
        network_model.VIF_TYPE_UNBOUND,
        network_model.VIF_TYPE_BINDING_FAILED,
    )


def _path(port: Port) -> str:
    return f"ports/{port['id']}/bindings"


def _quoted(host: str) -> str:
    return urllib.parse.quote(host, safe="")
