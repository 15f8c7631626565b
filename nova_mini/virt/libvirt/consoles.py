"""Where the consoles of a running guest listen, as libvirt says."""

from __future__ import annotations

from lxml import etree

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.virt.consoles import ConsoleAddress, ConsoleKind
from nova_mini.virt.libvirt.guest import Guest


def get_address(guest: Guest, kind: ConsoleKind) -> ConsoleAddress:
    """Raises ConsoleTypeUnavailable. A guest that was started before its host's consoles were
    enabled has none until its next hard reboot."""
    devices = etree.fromstring(guest.get_definition()).find("devices")
    find = {ConsoleKind.VNC: _vnc, ConsoleKind.SPICE: _spice, ConsoleKind.SERIAL: _serial}
    address = find[kind](devices) if guest.is_active() and devices is not None else None
    if address is None:
        raise exception.ConsoleTypeUnavailable(console_type=kind.value)
    return address


def serial_ports(definition: str) -> set[int]:
    """The TCP ports at which the serial ports of a guest listen."""
    sources = etree.fromstring(definition).iterfind("devices/serial[@type='tcp']/source")
    return {int(source.get("service")) for source in sources}


def _vnc(devices: etree._Element) -> ConsoleAddress | None:
    port = _port(devices.find("graphics[@type='vnc']"), "port")
    return ConsoleAddress(str(CONF.vnc.server_proxyclient_address), port) if port else None


def _spice(devices: etree._Element) -> ConsoleAddress | None:
    """With ``require_secure``, libvirt chooses a port for TLS alone."""
    graphics = devices.find("graphics[@type='spice']")
    tls_port = _port(graphics, "tlsPort")
    port = _port(graphics, "port") or tls_port
    host = str(CONF.spice.server_proxyclient_address)
    return ConsoleAddress(host, port, tls_port) if port else None


def _serial(devices: etree._Element) -> ConsoleAddress | None:
    port = _port(devices.find("serial[@type='tcp']/source"), "service")
    return ConsoleAddress(str(CONF.serial_console.proxyclient_address), port) if port else None


def _port(element: etree._Element | None, attribute: str) -> int | None:
    """None if libvirt has not chosen a port (-1)."""
    port = -1 if element is None else int(element.get(attribute, -1))
    return port if port > 0 else None
