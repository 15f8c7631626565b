"""The TCP ports of this host at which the serial consoles of its guests listen.

A port belongs to a guest from the first definition that names it until the guest leaves the host.
libvirt keeps the definitions, so a service that starts reads the ports from there.
"""

from __future__ import annotations

import contextlib
import random
import socket
import threading

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.virt.libvirt import consoles
from nova_mini.virt.libvirt.host import Host


class SerialPorts:
    def __init__(self, host: Host):
        self._host = host
        self._lock = threading.Lock()
        self._ports: dict[str, int] | None = None  # uuid -> port; None: not read yet

    def acquire(self, uuid: str) -> int:
        """The port of a guest; a new one if it has none, or if another program uses it while the
        guest is off. Raises ConsolePortsExhausted."""
        with self._lock:
            if self._ports is None:
                self._ports = self._read()
            port = self._ports.get(uuid)
            if port is None or not (self._runs(uuid) or _is_free(port)):
                port = self._ports[uuid] = self._choose()
            return port

    def release(self, uuid: str) -> None:
        with self._lock:
            if self._ports is not None:
                self._ports.pop(uuid, None)

    def _read(self) -> dict[str, int]:
        found = {}
        for guest in self._host.list_guests():
            for port in consoles.serial_ports(guest.get_definition(persistent=True)):
                found[guest.uuid] = port
        return found

    def _runs(self, uuid: str) -> bool:
        guest = self._host.find_guest_by_uuid(uuid)
        return guest is not None and guest.is_active()

    def _choose(self) -> int:
        """From a random one on, so that a port that was just released is not used again at once."""
        first, last = (int(text) for text in CONF.serial_console.port_range.split(":"))
        ports = range(first, last + 1)
        start = random.randrange(len(ports)) if ports else 0
        used = set((self._ports or {}).values())
        for port in (*ports[start:], *ports[:start]):
            if port not in used and _is_free(port):
                return port
        raise exception.ConsolePortsExhausted(host=CONF.host, first=first, last=last)


def _is_free(port: int) -> bool:
    address = str(CONF.serial_console.proxyclient_address)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with contextlib.closing(socket.socket(family)) as probe:
        # As QEMU does it: a port whose last connection has just ended is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
