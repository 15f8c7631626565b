"""The ports of a server that moves while it runs have two bindings."""

import pytest

from nova_mini import exception
from nova_mini.objects.network_model import NetworkRequest

SOURCE, DESTINATION, THIRD = "host1", "host2", "host 3/x"


@pytest.fixture
def port(stub, api, ctxt, instance) -> dict:
    requested = [NetworkRequest(stub.add_network())]
    instance.network_info = api.allocate_for_instance(ctxt, instance, requested, [], SOURCE)
    (vif,) = instance.network_info
    return stub.ports[vif.id]


def hosts(stub, port) -> tuple[str, set[str]]:
    """The host with the active binding, and the others."""
    return port["binding:host_id"], set(stub.inactive.get(port["id"], {}))


def test_a_second_host_is_prepared_while_the_port_stays_where_it_is(
    stub, api, ctxt, instance, port
):
    (vif,) = api.bind_to_second_host(ctxt, instance, DESTINATION)
    assert (vif.id, vif.type) == (port["id"], "ovs")
    assert hosts(stub, port) == (SOURCE, {DESTINATION})


def test_a_repeated_preparation_changes_nothing(stub, api, ctxt, instance, port):
    api.bind_to_second_host(ctxt, instance, DESTINATION)
    created = stub.count("POST", "bindings")
    api.bind_to_second_host(ctxt, instance, DESTINATION)
    assert stub.count("POST", "bindings") == created
    assert hosts(stub, port) == (SOURCE, {DESTINATION})


def test_the_binding_to_a_host_that_was_tried_before_is_removed(stub, api, ctxt, instance, port):
    api.bind_to_second_host(ctxt, instance, "host9")
    api.bind_to_second_host(ctxt, instance, DESTINATION)
    assert hosts(stub, port) == (SOURCE, {DESTINATION})


def test_a_host_without_the_network_is_refused(stub, api, ctxt, instance, port):
    stub.failing_hosts.add(DESTINATION)
    with pytest.raises(exception.PortBindingFailed):
        api.bind_to_second_host(ctxt, instance, DESTINATION)


def test_the_traffic_goes_to_the_host_whose_binding_is_activated(stub, api, ctxt, instance, port):
    api.bind_to_second_host(ctxt, instance, DESTINATION)
    for _ in range(2):
        api.activate_binding(ctxt, instance, DESTINATION)
        assert hosts(stub, port) == (DESTINATION, {SOURCE})


def test_a_binding_that_was_lost_is_made_anew(stub, api, ctxt, instance, port):
    api.activate_binding(ctxt, instance, DESTINATION)
    assert hosts(stub, port) == (DESTINATION, set())


@pytest.mark.parametrize("left", [SOURCE, DESTINATION])
def test_one_host_is_left_at_the_end(stub, api, ctxt, instance, port, left):
    api.bind_to_second_host(ctxt, instance, DESTINATION)
    for _ in range(2):
        api.remove_second_binding(ctxt, instance, left)
        assert hosts(stub, port) == (left, set())


def test_the_active_binding_says_where_the_port_moves(stub, api, ctxt, instance, port):
    before = dict(port["binding:profile"])
    (vif,) = api.bind_to_second_host(ctxt, instance, DESTINATION)
    assert port["binding:profile"] == {**before, "migrating_to": DESTINATION}
    assert vif.profile == {}
    api.activate_binding(ctxt, instance, DESTINATION)
    assert port["binding:profile"] == before


def test_the_port_is_not_bound_anew_after_the_guest_has_come(stub, api, ctxt, instance, port):
    """Neutron binds a port anew when the profile of its active binding changes, and its agents
    cut the guest off if they look at the port meanwhile."""
    api.bind_to_second_host(ctxt, instance, DESTINATION)
    del stub.requests[:]
    api.activate_binding(ctxt, instance, DESTINATION)
    api.remove_second_binding(ctxt, instance, DESTINATION)
    assert [each.body for each in changes(stub, port)] == [
        {"port": {"binding:host_id": DESTINATION}}
    ]


def test_a_port_that_stays_has_two_bindings_while_its_mark_is_removed(
    stub, api, ctxt, instance, port
):
    before = dict(port["binding:profile"])
    api.bind_to_second_host(ctxt, instance, DESTINATION)
    del stub.requests[:]
    api.remove_second_binding(ctxt, instance, SOURCE)
    unmark, remove, tell = (each for each in stub.requests if each.method in ("PUT", "DELETE"))
    assert unmark.body == {"port": {"binding:profile": before}}
    assert (remove.method, remove.path.rpartition("/")[2]) == ("DELETE", DESTINATION)
    assert tell.body == {"port": {"binding:host_id": SOURCE}}


def changes(stub, port) -> list:
    """The requests that changed the port itself, not one of its bindings."""
    path = f"/ports/{port['id']}"
    return [each for each in stub.requests if each.method == "PUT" and each.path.endswith(path)]


@pytest.mark.parametrize("left", [SOURCE, DESTINATION])
def test_the_mark_goes_with_the_second_binding(stub, api, ctxt, instance, port, left):
    before = dict(port["binding:profile"])
    api.bind_to_second_host(ctxt, instance, DESTINATION)
    api.remove_second_binding(ctxt, instance, left)
    assert port["binding:profile"] == before


def test_another_attempt_says_where_the_port_moves_now(stub, api, ctxt, instance, port):
    api.bind_to_second_host(ctxt, instance, "host9")
    api.bind_to_second_host(ctxt, instance, DESTINATION)
    assert port["binding:profile"]["migrating_to"] == DESTINATION
