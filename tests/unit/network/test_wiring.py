"""Neutron is made to say again what its agents may not have heard."""

import pytest

from nova_mini import exception
from nova_mini.network.model import NetworkRequest

THEIRS = {"opt_name": "bootfile-name", "opt_value": "pxe"}


@pytest.fixture
def port(stub, api, ctxt, instance) -> dict:
    requested = [NetworkRequest(stub.add_network())]
    (vif,) = api.allocate_for_instance(ctxt, instance, requested, [], "host1")
    stub.requests.clear()
    return stub.ports[vif.id]


def _told(stub) -> list[dict]:
    return [seen.body["port"] for seen in stub.requests if seen.method == "PUT"]


def _option(value: str | None) -> list[dict]:
    return [{"opt_name": "254", "opt_value": value}]


def test_a_wired_port_is_left_alone(stub, api, ctxt, port):
    port["status"] = "ACTIVE"
    assert api.is_wired(ctxt, port["id"])
    assert not _told(stub)


@pytest.mark.parametrize("left", [[], _option("1")], ids=["", "left by who died over it"])
def test_all_agents_hear_of_one_that_is_not_wired(stub, api, ctxt, port, left):
    port.update(description="mine", extra_dhcp_opts=[THEIRS, *left])
    assert not api.is_wired(ctxt, port["id"])
    assert _told(stub) == [
        {"description": "mine ", "extra_dhcp_opts": _option("1")},
        {"description": "mine", "extra_dhcp_opts": _option(None)},
    ]


@pytest.mark.parametrize("options", [{}, {"extra_dhcp_opts": _option("theirs")}])
def test_options_that_cannot_be_changed_are_not(stub, api, ctxt, port, options):
    """A Neutron without them, or a user with the same one."""
    port.update(description=None, **options)
    assert not api.is_wired(ctxt, port["id"])
    assert _told(stub) == [{"description": " "}, {"description": ""}]


def test_a_port_that_is_gone(stub, api, ctxt, port):
    del stub.ports[port["id"]]
    with pytest.raises(exception.PortNotFound):
        api.is_wired(ctxt, port["id"])
