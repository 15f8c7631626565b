"""Requests to the guest agent: whose password is set, and what the errors of libvirt become."""

from __future__ import annotations

import libvirt
import pytest

from nova_mini import exception
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.virt.libvirt import guest_agent
from nova_mini.virt.libvirt.events import EventHandler
from nova_mini.virt.libvirt.host import Host
from tests import servers
from tests.unit.virt.libvirt.test_host import xml_of

AGENT = {"hw_qemu_guest_agent": "yes"}


class Guest:
    def __init__(self, code: int | None = None):
        self.users: list[tuple[str, str]] = []
        self._code = code

    def set_user_password(self, user: str, password: str) -> None:
        if self._code is not None:
            error = libvirt.libvirtError("no")
            error.err = (self._code, libvirt.VIR_FROM_QEMU, "no", 2, None, None, None, -1, -1)
            raise error
        self.users.append((user, password))


@pytest.mark.parametrize(
    ("os_type", "properties", "user"),
    [
        (None, {}, "root"),
        ("linux", {}, "root"),
        ("windows", {}, "Administrator"),
        ("linux", {"os_admin_user": "debian"}, "debian"),
    ],
)
def test_the_user_whose_password_is_set(os_type, properties, user):
    guest, image = Guest(), ImageMeta(properties={**AGENT, **properties})
    instance = servers.make_instance(os_type=os_type)
    guest_agent.set_admin_password(guest, instance, image, "s3cret")
    assert guest.users == [(user, "s3cret")]


def test_a_guest_without_an_agent_is_refused():
    guest = Guest()
    with pytest.raises(exception.InstanceAgentNotEnabled, match="hw_qemu_guest_agent"):
        guest_agent.set_admin_password(guest, servers.make_instance(), ImageMeta(), "s3cret")
    assert guest.users == []


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (libvirt.VIR_ERR_AGENT_UNRESPONSIVE, exception.GuestAgentUnresponsive),
        (libvirt.VIR_ERR_AGENT_UNSYNCED, exception.GuestAgentUnresponsive),
        (libvirt.VIR_ERR_INTERNAL_ERROR, exception.InstancePasswordSetFailed),
    ],
)
def test_errors_of_libvirt(code, error):
    image = ImageMeta(properties=AGENT)
    with pytest.raises(error) as raised:
        guest_agent.set_admin_password(Guest(code), servers.make_instance(), image, "s3cret")
    assert "s3cret" not in str(raised.value)


@pytest.fixture
def guest():
    host = Host("test:///default", EventHandler(lambda _: None))
    host.initialize()
    made = host.write_instance_config(xml_of(servers.make_instance()))
    yield made
    made.poweroff()
    made.delete_configuration()


def test_the_statistics_are_those_of_the_domain(guest):
    guest.launch()
    assert isinstance(guest.get_statistics(), dict)
