"""Asking a guest to switch itself off or to let go of a device: it may be slow, deaf, unwilling."""

import threading

import libvirt
import pytest

from nova_mini import exception
from nova_mini.compute import power_state
from nova_mini.virt.libvirt import interfaces, power
from nova_mini.virt.libvirt.config import DomainDevices
from nova_mini.virt.libvirt.config_devices import LibvirtConfigGuestInterface
from nova_mini.virt.libvirt.events import EventHandler
from tests import servers

MAC = "fa:16:3e:00:00:01"


class GuestOff:
    """Switches itself off at the ``hears``-th press of its button."""

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

    def wait_for_power_state(self, wanted, timeout):
        threading.Event().wait(min(timeout, 0.02))
        return self.state == wanted


def test_a_guest_that_was_not_listening_yet_is_asked_again():
    guest = GuestOff(hears=3)
    assert power.clean_shutdown(guest, timeout=5, retry_interval=0.02)
    assert guest.presses == 3


def test_a_deaf_guest_is_given_up_in_time():
    assert not power.clean_shutdown(GuestOff(hears=10**9), timeout=0.1, retry_interval=0.02)


def test_a_paused_guest_is_not_asked():
    guest = GuestOff(hears=1, state=power_state.PAUSED)
    assert not power.clean_shutdown(guest, timeout=5, retry_interval=1)
    assert guest.presses == 0


class GuestWithNic:
    """Lets go of its NIC at the ``agrees``-th time that it is asked."""

    uuid = "guest"

    def __init__(self, agrees, events, error_at=()):
        self.live = self.persistent = True
        self.asked = 0
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
        self.asked += 1
        if self.asked in self._error_at:
            raise libvirt.libvirtError("already in the process of unplug")
        removed = self.asked >= self._agrees
        self.live = not removed
        threading.Timer(0.02, self._events._answer, ("guest", "net0", removed)).start()


@pytest.fixture
def events():
    return EventHandler(lambda event: None)


class HostWith:
    def __init__(self, events):
        self.device_removal = events.device_removal


@pytest.fixture
def patience(override):
    override("device_detach_attempts", 4, "libvirt")
    override("device_detach_timeout", 1, "libvirt")


@pytest.mark.parametrize(("agrees", "error_at"), [(1, ()), (3, ()), (3, (2,))])
def test_a_guest_is_asked_until_it_lets_go(events, patience, agrees, error_at):
    guest = GuestWithNic(agrees, events, error_at)
    interfaces.detach(HostWith(events), servers.make_instance(), guest, MAC)
    assert (guest.live, guest.persistent, guest.asked) == (False, False, agrees)


def test_a_guest_that_never_lets_go_is_an_error(events, patience):
    guest = GuestWithNic(10**9, events)
    with pytest.raises(exception.InterfaceDetachFailed):
        interfaces.detach(HostWith(events), servers.make_instance(), guest, MAC)
    assert guest.asked == 4


def test_a_hypervisor_that_is_away_can_be_asked_again(events, patience, monkeypatch):
    """As it is told when libvirtd dies: by whichever call comes next."""

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


def test_an_answer_that_was_lost_is_found_out(events, patience):
    class Silent(GuestWithNic):
        def detach_device(self, config, live):
            super().detach_device(config, live=False)
            self.live = not live

    guest = Silent(1, events)
    interfaces.detach(HostWith(events), servers.make_instance(), guest, MAC)
    assert guest.live is False


def test_waiters_do_not_hear_each_other(events):
    with events.device_removal("guest", "net0") as mine, events.device_removal("guest", "net1"):
        events._answer("guest", "net1", True)
        events._answer("stranger", "net0", True)
        assert mine.wait(0.05) is False
        events._answer("guest", "net0", True)
        assert mine.wait(1) is True
