"""Requests to a guest to shut down or to release a device; it may be slow or ignore them."""

import threading

import libvirt
import pytest

from nova_mini import exception
from nova_mini.actions import preemption
from nova_mini.states import power_state
from nova_mini.virt.libvirt import interfaces, power
from nova_mini.virt.libvirt.config import DomainDevices
from nova_mini.virt.libvirt.config_devices import LibvirtConfigGuestInterface
from nova_mini.virt.libvirt.events import EventHandler
from tests import servers

MAC = "fa:16:3e:00:00:01"


class GuestOff:
    """Shuts down at the ``hears``-th press of its power button."""

    uuid = "guest"

    def __init__(self, hears, state=power_state.RUNNING):
        self.state = state
        self.presses = 0
        self._hears = hears

    def get_power_state(self):
        return self.state

    def shutdown(self):
        self.presses += 1
        if self.presses >= self._hears:
            self.state = power_state.SHUTDOWN

    def wait_for_power_state(self, state, timeout):
        threading.Event().wait(min(timeout, 0.02))
        return self.state == state


def test_the_power_button_is_pressed_again_until_the_guest_is_off():
    guest = GuestOff(hears=3)
    assert power.clean_shutdown(guest, timeout=5, retry_interval=0.02)
    assert guest.presses == 3


def test_a_shutdown_that_the_guest_ignores_ends_with_the_timeout():
    assert not power.clean_shutdown(GuestOff(hears=10**9), timeout=0.1, retry_interval=0.02)


def test_the_power_button_of_a_paused_guest_is_not_pressed():
    guest = GuestOff(hears=1, state=power_state.PAUSED)
    assert not power.clean_shutdown(guest, timeout=5, retry_interval=1)
    assert guest.presses == 0


class GuestWithNic:
    """Releases its NIC at the ``agrees``-th request."""

    uuid = "guest"

    def __init__(self, agrees, events, error_at=()):
        self.live = self.persistent = True
        self.requests = 0
        self._agrees = agrees
        self._events = events
        self._error_at = error_at

    def is_active(self):
        return True

    def get_devices(self, persistent=False):
        there = self.persistent if persistent else self.live
        nic = LibvirtConfigGuestInterface(MAC, "tap0", "br-int", alias="net0")
        return DomainDevices(disks=[], interfaces=[nic] if there else [])

    def detach_device(self, config, live):
        if not live:
            self.persistent = False
            return
        self.requests += 1
        if self.requests in self._error_at:
            raise libvirt.libvirtError("already in the process of unplug")
        removed = self.requests >= self._agrees
        self.live = not removed
        threading.Timer(0.02, self._events._answer, ("guest", "net0", removed)).start()


@pytest.fixture
def events():
    return EventHandler(lambda event: None)


class HostWith:
    def __init__(self, events):
        self.device_removal = events.device_removal


@pytest.fixture
def short_timeouts(override):
    override("device_detach_attempts", 4, "libvirt")
    override("device_detach_timeout", 1, "libvirt")


@pytest.mark.parametrize(("agrees", "error_at"), [(1, ()), (3, ()), (3, (2,))])
def test_a_detach_is_requested_until_the_guest_releases_the_device(
    events, short_timeouts, agrees, error_at
):
    guest = GuestWithNic(agrees, events, error_at)
    interfaces.detach(HostWith(events), servers.make_instance(), guest, MAC)
    assert (guest.live, guest.persistent, guest.requests) == (False, False, agrees)


def test_a_device_that_is_never_released_is_an_error(events, short_timeouts):
    guest = GuestWithNic(10**9, events)
    with pytest.raises(exception.InterfaceDetachFailed):
        interfaces.detach(HostWith(events), servers.make_instance(), guest, MAC)
    assert guest.requests == 4


def test_a_lost_connection_is_hypervisor_unavailable(events, short_timeouts, monkeypatch):
    """When libvirtd dies, the next call raises the error, whichever it is."""

    def hang_up(persistent=False):
        lost = libvirt.libvirtError("internal error: client socket is closed")
        lost.err = (libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_FROM_RPC, "", 2)
        raise lost

    guest, instance = GuestWithNic(1, events), servers.make_instance()
    monkeypatch.setattr(guest, "get_devices", hang_up)
    with pytest.raises(exception.HypervisorUnavailable):
        interfaces.detach(HostWith(events), instance, guest, MAC)
    with pytest.raises(exception.HypervisorUnavailable):
        interfaces.attach(instance, guest, LibvirtConfigGuestInterface(MAC, "tap0", "br-int"))


def test_a_lost_answer_is_found_by_reading_the_devices(events, short_timeouts):
    class Silent(GuestWithNic):
        def detach_device(self, config, live):
            super().detach_device(config, live=False)
            self.live = not live

    guest = Silent(1, events)
    interfaces.detach(HostWith(events), servers.make_instance(), guest, MAC)
    assert guest.live is False


def test_a_waiter_gets_only_the_answer_for_its_own_device(events):
    with events.device_removal("guest", "net0") as mine, events.device_removal("guest", "net1"):
        events._answer("guest", "net1", True)
        events._answer("stranger", "net0", True)
        assert mine.wait(0.05) is False
        events._answer("guest", "net0", True)
        assert mine.wait(1) is True


@pytest.fixture
def awaited(monkeypatch):
    """An urgent operation of the server is pending."""
    monkeypatch.setattr(preemption, "MIN_WAIT", 0)
    with preemption.allowed(lambda: True):
        yield


def test_an_urgent_operation_preempts_a_detach(events, override, awaited):
    class Deaf(GuestWithNic):
        def detach_device(self, config, live):
            if not live:
                super().detach_device(config, live)

    override("device_detach_timeout", 60, "libvirt")
    guest = Deaf(1, events)
    with pytest.raises(exception.Preempted):
        interfaces.detach(HostWith(events), servers.make_instance(), guest, MAC)
    assert guest.live and not guest.persistent


def test_an_urgent_operation_preempts_a_shutdown(awaited):
    guest = GuestOff(hears=10**9)
    with pytest.raises(exception.Preempted):
        power.clean_shutdown(guest, timeout=60, retry_interval=10)
    assert guest.presses == 1


def test_an_answer_has_precedence_over_an_urgent_operation(events, awaited):
    guest = GuestWithNic(1, events)
    interfaces.detach(HostWith(events), servers.make_instance(), guest, MAC)
    assert guest.live is False
