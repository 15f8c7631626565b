"""Consoles of a host's guests, with the fake driver: which are enabled, and what they answer."""

from __future__ import annotations

import contextlib
import socket
import struct

import pytest

from nova_mini import exception
from nova_mini.compute.host import consoles
from nova_mini.objects.network_model import NetworkInfo
from nova_mini.virt.consoles import ConsoleKind
from nova_mini.virt.driver import load_compute_driver
from tests import servers

KINDS = {"novnc": ConsoleKind.VNC, "serial": ConsoleKind.SERIAL, "spice-html5": ConsoleKind.SPICE}
GROUPS = {"novnc": "vnc", "serial": "serial_console", "spice-html5": "spice"}


@pytest.fixture
def driver(tmp_path, override):
    override("state_path", str(tmp_path))
    driver = load_compute_driver(None, "fake.FakeDriver")
    driver.init_host("host")
    return driver


@pytest.fixture
def guest(driver):
    instance = servers.make_instance(vm_state="active")
    driver.spawn(None, instance, None, [], None, NetworkInfo())
    return instance


def _connection(driver, guest, console_type):
    return consoles.get_connection(driver, guest, KINDS[console_type], console_type)


def _receive(connection, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        assert part, data
        data += part
    return data


@pytest.mark.parametrize("console_type", KINDS)
def test_a_console_must_be_enabled(driver, guest, override, console_type):
    with pytest.raises(exception.ConsoleTypeUnavailable, match=console_type):
        _connection(driver, guest, console_type)
    assert not consoles.has_port(driver, guest.uuid, 1, console_type)
    override("enabled", True, GROUPS[console_type])
    found = _connection(driver, guest, console_type)
    assert found["console_type"] == console_type
    assert consoles.has_port(driver, guest.uuid, found["port"], console_type)
    assert not consoles.has_port(driver, guest.uuid, found["port"] + 1, console_type)
    assert not consoles.has_port(driver, servers.make_instance().uuid, found["port"], console_type)
    socket.create_connection((found["host"], found["port"])).close()


def test_type_and_protocol_must_match(driver, guest, override):
    override("enabled", True, "vnc")
    for console_type in ("serial", "xvpvnc"):
        with pytest.raises(exception.ConsoleTypeInvalid):
            consoles.get_connection(driver, guest, ConsoleKind.VNC, console_type)


def _wait_for_the_end_of(connection: socket.socket) -> None:
    """It is reset if it ends before the other side has accepted it."""
    with contextlib.suppress(ConnectionResetError):
        while connection.recv(4096):
            pass


def test_a_guest_that_does_not_run_has_no_console(driver, guest, override):
    override("enabled", True, "serial_console")
    found = _connection(driver, guest, "serial")
    connection = socket.create_connection((found["host"], found["port"]))
    driver.power_off(guest)
    _wait_for_the_end_of(connection)  # the console of a guest ends with it
    with pytest.raises(exception.InstanceInvalidState):
        _connection(driver, guest, "serial")
    assert not consoles.has_port(driver, guest.uuid, found["port"], "serial")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((found["host"], found["port"]))
    building = servers.make_instance(vm_state="building")
    with pytest.raises(exception.InstanceNotReady):
        _connection(driver, building, "serial")


def test_what_is_typed_into_the_serial_console_is_in_its_log(driver, guest, override):
    override("enabled", True, "serial_console")
    found = _connection(driver, guest, "serial")
    with socket.create_connection((found["host"], found["port"])) as connection:
        log = driver.get_console_output(None, guest).replace(b"\n", b"\r\n")
        assert b"booted" in _receive(connection, len(log))
        connection.sendall(b"uname -a\r")
        assert _receive(connection, 9) == b"uname -a\r"
        connection.sendall(b"\r")
        _receive(connection, 1)
    assert b"typed: uname -a\n" in driver.get_console_output(None, guest)


def test_the_vnc_console_speaks_rfb(driver, guest, override):
    override("enabled", True, "vnc")
    found = _connection(driver, guest, "novnc")
    with socket.create_connection((found["host"], found["port"])) as connection:
        assert _receive(connection, 12) == b"RFB 003.008\n"
        connection.sendall(b"RFB 003.008\n")
        assert _receive(connection, 2) == b"\x01\x01"
        connection.sendall(b"\x01")
        assert _receive(connection, 4) == b"\0\0\0\0"
        connection.sendall(b"\x01")
        width, height = struct.unpack("!HH", _receive(connection, 4))
        _receive(connection, 16)
        _receive(connection, struct.unpack("!I", _receive(connection, 4))[0])
        connection.sendall(struct.pack("!BBxxI", 4, 1, 0x61))
        connection.sendall(struct.pack("!BBHHHH", 3, 0, 0, 0, width, height))
        header = struct.unpack("!BxHHHHHi", _receive(connection, 16))
        assert header == (0, 1, 0, 0, width, height, 0)
        assert set(_receive(connection, width * height * 4)) == {0x80}
    assert b"key 0x61" in driver.get_console_output(None, guest)
