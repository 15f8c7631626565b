"""Consoles of libvirt guests: what is defined, where it listens, and which ports are used."""

from __future__ import annotations

import random
import socket

import pytest
from lxml import etree

from nova_mini import exception
from nova_mini.virt.consoles import ConsoleAddress, ConsoleKind
from nova_mini.virt.libvirt import consoles
from nova_mini.virt.libvirt.migration import live
from nova_mini.virt.libvirt.migration.copy_targets import Copies
from nova_mini.virt.libvirt.migration.definition import Destination, for_destination
from nova_mini.virt.libvirt.serial_ports import SerialPorts
from tests import servers
from tests.unit.virt.libvirt.guests_of_host import FoundGuest, GuestsOfHost
from tests.unit.virt.libvirt.test_guest_config import domain, guest_config

RUNNING = """<domain><devices>
<serial type='tcp'><source mode='bind' host='192.0.2.1' service='10007' tls='no'/>
<protocol type='raw'/><log file='/a/console.log' append='on'/><target type='isa-serial' port='0'/>
<alias name='serial0'/></serial>
<console type='tcp'><source mode='bind' host='192.0.2.1' service='10007'/><protocol type='raw'/>
<target type='serial' port='0'/></console>
<graphics type='vnc' port='5903' autoport='yes' listen='192.0.2.1'/>
<graphics type='spice' port='5904' tlsPort='5905' autoport='yes' listen='192.0.2.1'/>
</devices></domain>"""
PTY = """<domain><devices><serial type='pty'><source path='/dev/pts/1'/>
<log file='/a/console.log' append='on'/><target type='isa-serial' port='0'/></serial>
<console type='pty' tty='/dev/pts/1'><source path='/dev/pts/1'/><target type='serial' port='0'/>
</console></devices></domain>"""


# -- where they listen ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "group", "option", "expected"),
    [
        (ConsoleKind.VNC, "vnc", "server_proxyclient_address", (5903, None)),
        (ConsoleKind.SPICE, "spice", "server_proxyclient_address", (5904, 5905)),
        (ConsoleKind.SERIAL, "serial_console", "proxyclient_address", (10007, None)),
    ],
)
def test_the_ports_are_those_of_libvirt(override, kind, group, option, expected):
    override(option, "192.0.2.9", group)
    guest = FoundGuest("u", RUNNING)
    assert consoles.get_address(guest, kind) == ConsoleAddress("192.0.2.9", *expected)
    for other in (
        FoundGuest("u", RUNNING, active=False),
        FoundGuest("u", PTY),
        FoundGuest("u", RUNNING.replace("5903", "-1").replace("5904", "-1").replace("5905", "-1"))
        if kind is not ConsoleKind.SERIAL
        else FoundGuest("u", "<domain><devices/></domain>"),
    ):
        with pytest.raises(exception.ConsoleTypeUnavailable):
            consoles.get_address(other, kind)


def test_spice_may_have_a_port_for_tls_alone():
    guest = FoundGuest("u", RUNNING.replace("5904", "-1"))
    found = consoles.get_address(guest, ConsoleKind.SPICE)
    assert (found.port, found.tls_port) == (5905, 5905)


# -- what is defined -----------------------------------------------------------------------------


def test_the_serial_port_listens_if_it_is_enabled_and_keeps_its_log(override):
    instance = servers.make_instance()
    closed = domain(instance).find("devices/serial")
    assert closed.get("type") == "pty"
    override("enabled", True, "serial_console")
    override("port_range", "23456:23999", "serial_console")
    serial = domain(instance).find("devices/serial")
    assert serial.get("type") == "tcp"
    source = serial.find("source")
    assert (source.get("mode"), source.get("host")) == ("bind", "127.0.0.1")
    assert 23456 <= int(source.get("service")) <= 23999
    assert serial.find("protocol").get("type") == "raw"
    assert serial.find("log").get("file") == closed.find("log").get("file")


def test_spice_is_defined_as_the_operator_wants_it(override):
    override("enabled", True, "spice")
    override("server_listen", "192.0.2.7", "spice")
    xml = domain()
    graphics = xml.find("devices/graphics")
    assert (graphics.get("type"), graphics.get("defaultMode")) == ("spice", None)
    assert graphics.find("listen").get("address") == "192.0.2.7"
    assert xml.find("devices/video") is not None
    assert xml.find("devices/channel[@type='spicevmc']/target").get("name") == "com.redhat.spice.0"
    override("agent_enabled", False, "spice")
    override("require_secure", True, "spice")
    xml = domain()
    assert xml.find("devices/graphics").get("defaultMode") == "secure"
    assert xml.find("devices/channel") is None
    override("enabled", True, "vnc")
    assert [each.get("type") for each in domain().findall("devices/graphics")] == ["vnc", "spice"]
    assert len(domain().findall("devices/video")) == 1


# -- ports ---------------------------------------------------------------------------------------


@pytest.fixture
def few_ports(override) -> range:
    """Three ports that nothing uses. They are below the ports that the kernel gives to connections
    and to servers that ask for any: another test could get one of those meanwhile."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as limits:
        end = int(limits.read().split()[0])
    tried = random.sample(range(1024, end - 2), 100)
    first = next(first for first in tried if all(map(_can_bind, range(first, first + 3))))
    override("port_range", f"{first}:{first + 2}", "serial_console")
    return range(first, first + 3)


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _definition(port: int) -> str:
    return RUNNING.replace("10007", str(port))


def test_each_guest_has_a_port_and_keeps_it(few_ports):
    ports = SerialPorts(GuestsOfHost())
    found = {uuid: ports.acquire(uuid) for uuid in ("a", "b", "c")}
    assert set(found.values()) == set(few_ports)
    assert ports.acquire("b") == found["b"]
    with pytest.raises(exception.ConsolePortsExhausted):
        ports.acquire("d")
    ports.release("b")
    assert ports.acquire("d") == found["b"]


def test_a_service_that_starts_knows_the_ports_of_its_guests(few_ports):
    guests = [
        FoundGuest(uuid, _definition(port)) for uuid, port in zip("ab", few_ports, strict=False)
    ]
    ports = SerialPorts(GuestsOfHost(*guests, FoundGuest("pty", PTY)))
    assert ports.acquire("c") == few_ports[2]
    assert ports.acquire("a") == few_ports[0]


def test_a_port_of_another_program_is_not_used(few_ports):
    with socket.socket() as other:
        other.bind(("127.0.0.1", few_ports[1]))
        other.listen()
        off = FoundGuest("a", _definition(few_ports[1]), active=False)
        ports = SerialPorts(GuestsOfHost(off))
        first = ports.acquire("a")
        assert first in (few_ports[0], few_ports[2])
        assert {ports.acquire("b"), first} == {few_ports[0], few_ports[2]}
        runs = SerialPorts(GuestsOfHost(FoundGuest("a", _definition(few_ports[1]))))
        assert runs.acquire("a") == few_ports[1]  # the program is the guest's own QEMU


# -- live migration ------------------------------------------------------------------------------

TCP = (
    "<serial type='tcp'><source mode='bind' host='192.0.2.2' service='10011'/>"
    "<protocol type='raw'/><log file='/b/console.log' append='on'/></serial>"
)


@pytest.mark.parametrize("count", ["0", "1", "2"])
def test_the_destination_says_where_the_first_serial_port_listens(override, count):
    override("enabled", True, "serial_console")
    instance = servers.make_instance()
    config = guest_config(instance, hw_serial_port_count=count)
    serial = live.describe_destination(instance, config, Copies()).serial
    assert (serial is None) == (count == "0")
    if serial is not None:
        assert etree.fromstring(serial).get("type") == "tcp"


def _moved(xml: str, serial: str) -> etree._Element:
    destination = Destination("qemu://b", "tcp://b", "/b", {}, {}, "192.0.2.2", "192.0.2.3", serial)
    return etree.fromstring(for_destination(xml, "/a", destination))


@pytest.mark.parametrize("source", [RUNNING, PTY])
def test_consoles_listen_at_the_destination(source):
    moved = _moved(source, TCP)
    serial = moved.find("devices/serial")
    assert serial.get("type") == "tcp"
    (listening,) = serial.findall("source")
    assert (listening.get("host"), listening.get("service")) == ("192.0.2.2", "10011")
    assert serial.find("log").get("file") == "/b/console.log"
    assert serial.find("target").get("type") == "isa-serial"
    assert moved.find("devices/console") is None
    listen = {each.get("type"): each.get("listen") for each in moved.findall("devices/graphics")}
    assert listen == ({"vnc": "192.0.2.2", "spice": "192.0.2.3"} if source is RUNNING else {})


def test_a_destination_without_serial_consoles_does_not_listen():
    serial = _moved(RUNNING, "<serial type='pty'><log file='/b/console.log'/></serial>").find(
        "devices/serial"
    )
    assert serial.get("type") == "pty"
    assert serial.find("source") is None and serial.find("protocol") is None
    assert serial.find("log").get("file") == "/b/console.log"
