"""NICs on a Linux bridge: at the boot, and attached to and detached from a running guest."""

import contextlib
import socket

import pytest

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.objects.network_model import Network
from nova_mini.states import power_state
from nova_mini.virt.libvirt import interfaces
from tests import servers
from tests.integration.libvirt import cloud


def bridge_vif(**more):
    network = Network(id="5f0f9a5e-6b53-4bb1-9d55-1c6f2ac5d7ef", bridge="br-driver", mtu=1450)
    return servers.make_vif(type="bridge", network=network, **more)


def devices() -> set[str]:
    return {name for _index, name in socket.if_nameindex()}


def test_an_interface_at_boot_and_hot_plugged_ones(driver, console):
    first, second = bridge_vif(), bridge_vif()
    instance = servers.make_instance()
    cloud.spawn(driver, instance, [first])
    assert driver.virtapi.awaited == [[]]
    assert first.devname in devices()
    console(instance, f"mac={first.address}")

    image_meta = cloud.ImageMeta()
    driver.attach_interface(None, instance, image_meta, second)
    driver.attach_interface(None, instance, image_meta, second)
    assert second.devname in devices()
    console(instance, "hotplug add eth1")
    guest = driver._host.get_guest(instance)
    assert interfaces.find(guest, second.address, persistent=True)

    for _again in range(2):
        driver.detach_interface(None, instance, second)
        assert second.devname not in devices()
        assert not interfaces.find(guest, second.address, persistent=True)
        assert not interfaces.find(guest, second.address, persistent=False)
    console(instance, "hotplug remove eth1")
    assert first.devname in devices()


def test_a_guest_waits_for_ports_that_are_not_wired(driver):
    vif = bridge_vif(active=False)
    instance = servers.make_instance()
    cloud.spawn(driver, instance, [vif])
    assert driver.virtapi.awaited == [[("network-vif-plugged", vif.id)]]


class NeverWired(cloud.Waits):
    @contextlib.contextmanager
    def wait_for_instance_event(self, instance, events, *, deadline=300, error_callback=None):
        yield
        assert deadline == CONF.vif_plugging_timeout
        raise TimeoutError


def test_a_port_that_is_never_wired_fails_the_build(driver):
    driver.virtapi = NeverWired()
    instance = servers.make_instance()
    with pytest.raises(exception.VirtualInterfaceCreateException, match="in time"):
        cloud.spawn(driver, instance, [bridge_vif(active=False)])
    assert driver.get_info(instance).state == power_state.PAUSED


def test_unless_the_operator_can_live_with_it(driver):
    driver.virtapi = NeverWired()
    CONF.set_override("vif_plugging_is_fatal", False)
    instance = servers.make_instance()
    cloud.spawn(driver, instance, [bridge_vif(active=False)])
    CONF.clear_override("vif_plugging_is_fatal")
    assert driver.get_info(instance).state == power_state.RUNNING


def test_a_port_that_could_not_be_bound_fails_the_build(driver):
    instance = servers.make_instance()
    with pytest.raises(exception.VirtualInterfacePlugException):
        cloud.spawn(driver, instance, [servers.make_vif(type="binding_failed")])
    driver.destroy(None, instance)
    assert driver.list_instance_uuids() == []
