"""The networks of a server: a given port, a requested address, two NICs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functional.harness.waiting import until

CIDR = "10.60.0.0/24"
ADDRESS = "10.60.0.77"


@pytest.fixture(scope="module")
def network(cloud) -> Iterator[str]:
    """A second network of the project, with DHCP and without a router."""
    of_user = cloud.of_user.network
    made = of_user.create_network(name="it-second")
    of_user.create_subnet(network_id=made.id, ip_version=4, cidr=CIDR, gateway_ip=None)
    yield made.id
    until("no server is on the network", lambda: not _servers_ports(cloud, made.id), 30, 0.5)
    of_user.delete_network(made)


def _servers_ports(cloud, network_id: str) -> list:
    ports = cloud.of_admin.network.ports(network_id=network_id)
    return [port for port in ports if port.device_owner.startswith("compute:")]


@pytest.fixture
def port(cloud, network) -> Iterator:
    made = cloud.of_user.network.create_port(network_id=network, name="it-port")
    yield made
    cloud.of_user.network.delete_port(made)


def test_two_nics_one_on_a_given_port_that_outlives_the_server(cloud, network, port, boot):
    guest = boot(networks=[{"port": port.id}, {"uuid": network, "fixed_ip": ADDRESS}])
    guest.wait_for_output("GUEST: ready")
    address = port.fixed_ips[0]["ip_address"]
    guest.wait_for_output(f"eth0 mac={port.mac_address} addr={address}/24")
    guest.wait_for_output(f"eth1 mac=\\S+ addr={ADDRESS}/24")
    assert set(guest.addresses()) == {address, ADDRESS}
    until(
        "both ports are up",
        lambda: {each["port_state"] for each in guest.interfaces()} == {"ACTIVE"},
        20,
        0.5,
    )
    made = next(each["port_id"] for each in guest.interfaces() if each["port_id"] != port.id)
    guest.delete()
    left = cloud.of_user.network.get_port(port.id)
    assert (left.device_id, left.device_owner, left.mac_address) == ("", "", port.mac_address)
    assert not list(cloud.of_user.network.ports(id=made))


def test_none_means_none(cloud, boot):
    guest = boot(networks="none")
    assert guest.show()["addresses"] == {}
    assert guest.interfaces() == []


def test_auto_does_not_choose_between_two(cloud, network):
    body = {
        "name": "it",
        "imageRef": cloud.image("mini-qcow2"),
        "flavorRef": "42",
        "networks": "auto",
    }
    message = cloud.user.refusal(409, "POST", "/servers", {"server": body})
    assert "network" in message


def test_an_address_of_another_server_is_refused(cloud, network, boot):
    boot(networks=[{"uuid": network, "fixed_ip": ADDRESS}])
    body = {
        "name": "it",
        "imageRef": cloud.image("mini-qcow2"),
        "flavorRef": "42",
        "networks": [{"uuid": network, "fixed_ip": ADDRESS}],
    }
    message = cloud.user.refusal(400, "POST", "/servers", {"server": body})
    assert ADDRESS in message
