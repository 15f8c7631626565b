"""Refreshes of network information, and removals of interfaces whose port was deleted."""

from __future__ import annotations

import pytest

from nova_mini import db, exception
from tests.unit.compute.cloud_in_one_process import Killed
from tests.unit.compute.test_shelve import SameThread

GONE = "network-vif-deleted"


@pytest.fixture(autouse=True)
def same_thread(cloud, monkeypatch):
    """Run the work of the compute at once, in the calling thread."""
    monkeypatch.setattr(cloud.manager.runner, "_resuming", SameThread())


def send_event(cloud, server, name="network-changed", tag=None) -> None:
    event = {"server_uuid": server, "name": name, "tag": tag}
    cloud.manager.external_instance_event(cloud.context, [event])


def while_neutron_responds(cloud, monkeypatch, act) -> None:
    """Call ``act()`` once, between Neutron's next answer to a refresh and its use."""
    ask, acts = cloud.manager.network_api.get_instance_nw_info, [act]

    def respond_late(context, instance):
        response = ask(context, instance)
        if acts:
            acts.pop()()
        return response

    monkeypatch.setattr(cloud.manager.network_api, "get_instance_nw_info", respond_late)


# -- races ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("stopped", [False, True])
def test_a_refresh_does_not_restore_an_interface_detached_meanwhile(
    cloud, server, neutron, monkeypatch, stopped
):
    if stopped:
        cloud.request("stop", server)
    port = cloud.plug(server, neutron.network)
    while_neutron_responds(cloud, monkeypatch, lambda: cloud.unplug(server, port))
    send_event(cloud, server)
    assert cloud.interfaces(server) == cloud.guest_interfaces(server) == []


def test_a_refresh_does_not_lose_an_interface_attached_meanwhile(
    cloud, server, neutron, monkeypatch
):
    made = []
    act = lambda: made.append(cloud.plug(server, neutron.network))  # noqa: E731
    while_neutron_responds(cloud, monkeypatch, act)
    send_event(cloud, server)
    assert cloud.interfaces(server) == cloud.guest_interfaces(server) == made != []


def test_a_refresh_does_not_add_an_interface_whose_attach_failed(
    cloud, server, neutron, monkeypatch
):
    """The port existed in Neutron until the attach failed."""

    def refuse(*args):
        raise exception.InterfaceAttachFailed(instance_uuid=server)

    def fail() -> None:
        monkeypatch.setattr(cloud.manager.driver, "attach_interface", refuse)
        with pytest.raises(exception.InterfaceAttachFailed):
            cloud.plug(server, neutron.network)

    ask, pending = cloud.manager.network_api.get_instance_nw_info, [fail]

    def respond_in_the_middle(context, instance):
        if pending:
            pending.pop()()
            return stale
        return ask(context, instance)

    port = cloud.plug(server, neutron.network)
    stale = ask(cloud.context, cloud.instance(server))
    cloud.unplug(server, port)
    monkeypatch.setattr(cloud.manager.network_api, "get_instance_nw_info", respond_in_the_middle)
    send_event(cloud, server)
    assert cloud.interfaces(server) == []


def test_a_refresh_during_an_operation_runs_after_it(cloud, server, neutron, monkeypatch):
    """The event comes after the removal from the guest and before the deletion of the port."""
    detach, port = cloud.manager.driver.detach_interface, cloud.plug(server, neutron.network)
    other = cloud.plug(server, neutron.network)

    def detach_and_send_event(context, instance, vif):
        detach(context, instance, vif)
        neutron.ports[other]["status"] = "ACTIVE"
        send_event(cloud, server)
        assert not cloud.instance(server).network_info.get(other).active

    monkeypatch.setattr(cloud.manager.driver, "detach_interface", detach_and_send_event)
    cloud.unplug(server, port)
    (vif,) = cloud.instance(server).network_info
    assert (vif.id, vif.active) == (other, True)
    assert not cloud.manager.network_refresher.is_requested(server)


def test_a_save_without_a_claim_checks_the_revision(cloud, server):
    instance = cloud.instance(server)
    instance.vm_state = "error"
    cloud.set(server, revision=db.models.instances.c.revision + 1)
    with pytest.raises(exception.InstanceChanged):
        instance.save()
    instance = cloud.instance(server)
    instance.vm_state = "error"
    instance.save()
    instance.vm_state = "active"
    instance.save()
    stale, fresh = cloud.instance(server), cloud.instance(server)
    fresh.power_state = 4
    fresh.save()
    stale.display_name = "by its user"  # saved without a comparison
    stale.save()
    assert cloud.instance(server).display_name == "by its user"
    assert cloud.instance(server).power_state == 4


def test_an_operation_changes_the_revision(cloud, server, neutron):
    """Even if the operation does not change the record."""
    stale = cloud.instance(server)
    port = cloud.plug(server, neutron.network)
    cloud.unplug(server, port)
    stale.power_state = 3
    with pytest.raises(exception.InstanceChanged):
        stale.save(expected_task_state=[None])


def test_concurrent_changes_of_system_metadata_are_merged(cloud, server):
    """A guest's password is not lost when a rebuild or a shelve saves its image."""
    one, other = cloud.instance(server), cloud.instance(server)
    one.change_system_metadata({"password_0": "secret"})
    one.save()
    other.change_system_metadata({"shelved_image_id": "i"}, removed=["none"])
    other.write()
    metadata = cloud.instance(server).system_metadata
    assert (metadata["password_0"], metadata["shelved_image_id"]) == ("secret", "i")


# -- deleted ports -------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["active", "stopped", "paused", "error"])
def test_a_deleted_port_is_removed_from_record_and_guest(cloud, server, neutron, state):
    port, other = (cloud.plug(server, neutron.network) for _ in range(2))
    if state == "stopped":
        cloud.request("stop", server)
    else:
        cloud.set(server, vm_state=state)
    del neutron.ports[port]
    count = len(neutron.requests)
    send_event(cloud, server, GONE, port)
    assert len(neutron.requests) == count, "the removal needs no request to Neutron"
    assert cloud.interfaces(server) == cloud.guest_interfaces(server) == [other]
    assert cloud.unfinished() == []
    action, *_ = db.actions.get_by_instance(server)
    assert (action["action"], action["message"]) == ("detach_interface", None)


def test_repeated_events_begin_one_removal(cloud, server, neutron):
    port = cloud.plug(server, neutron.network)
    del neutron.ports[port]
    send_event(cloud, server, GONE, port)
    send_event(cloud, server, GONE, port)
    send_event(cloud, server, GONE, "11111111-1111-4111-8111-111111111111")
    actions = [a["action"] for a in db.actions.get_by_instance(server)]
    assert actions.count("detach_interface") == 1


def test_the_periodic_task_makes_up_for_a_lost_event(cloud, server, neutron):
    port = cloud.plug(server, neutron.network)
    del neutron.ports[port]
    cloud.manager._to_heal = [server]
    cloud.run_periodic_task("_heal_instance_info_cache")
    cloud.recover()
    assert cloud.interfaces(server) == cloud.guest_interfaces(server) == []


def test_a_port_that_was_given_to_another_server_is_removed(cloud, server, neutron):
    port = cloud.plug(server, neutron.network)
    neutron.ports[port]["device_id"] = "another"
    send_event(cloud, server)
    assert cloud.interfaces(server) == cloud.guest_interfaces(server) == []


def test_ports_hidden_by_neutron_are_not_removed(cloud, server, neutron):
    """The service user has lost its role in Neutron."""
    port = cloud.plug(server, neutron.network)
    neutron.ports.clear()
    neutron.networks.clear()
    send_event(cloud, server)
    assert cloud.interfaces(server) == cloud.guest_interfaces(server) == [port]


def test_a_suspended_guest_loses_the_interface_when_resumed(cloud, server, neutron):
    """A device in saved memory cannot be removed."""
    port = cloud.plug(server, neutron.network)
    cloud.request("suspend", server)
    del neutron.ports[port]
    send_event(cloud, server, GONE, port)
    assert cloud.guest_interfaces(server) == [port]
    cloud.request("resume", server)
    cloud.recover()
    assert cloud.interfaces(server) == cloud.guest_interfaces(server) == []


def test_a_hard_reboot_removes_interfaces_of_deleted_ports(cloud, server, neutron):
    port = cloud.plug(server, neutron.network)
    del neutron.ports[port]
    cloud.request("reboot", server, "HARD")
    assert cloud.interfaces(server) == cloud.guest_interfaces(server) == []


def test_a_removal_killed_at_every_step_is_done(cloud, server, neutron, monkeypatch):
    def prepare() -> str:
        port = cloud.plug(server, neutron.network)
        monkeypatch.setattr(cloud.manager.runner, "_resuming", KilledProcess())
        del neutron.ports[port]
        cloud.steps.clear()
        return port

    send_event(cloud, server, GONE, prepare())
    points = list(dict.fromkeys(cloud.steps))
    assert "InstanceAction.begin_removal" in points and len(points) > 5
    for point in points:
        port = prepare()
        cloud.kill_at(point)
        with pytest.raises(Killed):
            send_event(cloud, server, GONE, port)
        cloud.recover()
        if point.startswith("before"):
            send_event(cloud, server, GONE, port)
        assert cloud.interfaces(server) == cloud.guest_interfaces(server) == [], point
        assert cloud.unfinished() == []


class KilledProcess(SameThread):
    """A kill in one thread is a kill of the whole process."""
