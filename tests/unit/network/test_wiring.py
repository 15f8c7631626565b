"""Neutron is made to notify its agents again, since a notification may be lost."""

import pytest

from nova_mini import exception
from nova_mini.objects.network_model import NetworkRequest

THEIRS = {"opt_name": "bootfile-name", "opt_value": "pxe"}


@pytest.fixture
def port(stub, api, ctxt, instance) -> dict:
    requested = [NetworkRequest(stub.add_network())]
    (vif,) = api.allocate_for_instance(ctxt, instance, requested, [], "host1")
    stub.requests.clear()
    return stub.ports[vif.id]


def _changes(stub) -> list[dict]:
    return [seen.body["port"] for seen in stub.requests if seen.method == "PUT"]


def _option(value: str | None) -> list[dict]:
    return [{"opt_name": "254", "opt_value": value}]


def test_a_wired_port_is_not_changed(stub, api, ctxt, port):
    port["status"] = "ACTIVE"
    assert api.is_wired(ctxt, port["id"])
    assert not _changes(stub)


@pytest.mark.parametrize("left", [[], _option("1")], ids=["", "left by a dead process"])
def test_all_agents_are_notified_of_a_port_that_is_not_wired(stub, api, ctxt, port, left):
    port.update(description="mine", extra_dhcp_opts=[THEIRS, *left])
    assert not api.is_wired(ctxt, port["id"])
    assert _changes(stub) == [
        {"description": "mine ", "extra_dhcp_opts": _option("1")},
        {"description": "mine", "extra_dhcp_opts": _option(None)},
    ]


@pytest.mark.parametrize("options", [{}, {"extra_dhcp_opts": _option("theirs")}])
def test_the_dhcp_option_is_not_set_if_unsupported_or_in_use(stub, api, ctxt, port, options):
    """Neutron does not support DHCP options, or the user has set the same option."""
    port.update(description=None, **options)
    assert not api.is_wired(ctxt, port["id"])
    assert _changes(stub) == [{"description": " "}, {"description": ""}]


def test_a_deleted_port_is_not_found(stub, api, ctxt, port):
    del stub.ports[port["id"]]
    with pytest.raises(exception.PortNotFound):
        api.is_wired(ctxt, port["id"])
