"""The VNC proxy's handshake with QEMU's own VNC server, with TLS and certificates on both sides."""

from __future__ import annotations

import shutil
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator

import pytest

from nova_mini.conf import CONF
from nova_mini.console import rfb
from tests.functional.harness.browser import Console
from tests.functional.harness.network import ADDRESS, free_port
from tests.functional.harness.waiting import until
from tests.unit.console.test_rfb import Authority

QEMU = "qemu-system-x86_64"
_FIRST_PORT = 5900

pytestmark = pytest.mark.skipif(shutil.which(QEMU) is None, reason="there is no QEMU")


@pytest.fixture
def override() -> Iterator[Callable[[str, object], None]]:
    """``override(option, value)`` sets an option of [vnc]."""
    names = []

    def set_override(name: str, value: object) -> None:
        CONF.set_override(name, value, group="vnc")
        names.append(name)

    yield set_override
    for name in names:
        CONF.clear_override(name, group="vnc")


@pytest.fixture
def port(tmp_path, override) -> Iterator[int]:
    """Of a VNC server of QEMU that wants the certificate of the client."""
    authority = Authority(tmp_path, "ca-cert")
    for name, source in zip(
        ("server-cert.pem", "server-key.pem"), authority.issue("server", ADDRESS), strict=True
    ):
        shutil.copy(source, tmp_path / name)
    certificate, key = authority.issue("proxy", "192.0.2.1")
    override("auth_schemes", ["vencrypt"])
    override("vencrypt_ca_certs", str(authority.file))
    override("vencrypt_client_cert", certificate)
    override("vencrypt_client_key", key)
    port = free_port()
    argv = [
        *(QEMU, "-machine", "none", "-nodefaults", "-display", "none"),
        *("-object", f"tls-creds-x509,id=tls,dir={tmp_path},endpoint=server,verify-peer=on"),
        *("-vnc", f"{ADDRESS}:{port - _FIRST_PORT},tls-creds=tls"),
    ]
    process = subprocess.Popen(argv)
    yield port
    process.kill()
    process.wait()


def _connected(port: int) -> socket.socket:
    found: list[socket.socket] = []

    def listens() -> bool:
        try:
            found.append(socket.create_connection((ADDRESS, port), timeout=20))
        except OSError:
            return False
        return True

    until("QEMU listens", listens, 20)
    return found[0]


class _Line:
    """A socket in place of the websocket of ``Console``."""

    def __init__(self, line: socket.socket):
        self._line = line

    def send_binary(self, data: bytes) -> None:
        self._line.sendall(data)

    def recv(self) -> bytes:
        return self._line.recv(4096)


def test_the_proxy_reaches_the_screen_by_tls(port):
    near, far = socket.socketpair()
    client = Console(_Line(far))
    sizes = []
    browser = threading.Thread(target=lambda: sizes.append(client.vnc_handshake()))
    browser.start()
    server = rfb.connect(near, _connected(port), ADDRESS)
    assert isinstance(server, ssl.SSLSocket)
    server.sendall(near.recv(1))  # what the proxy does from now on
    near.sendall(server.recv(4096))
    browser.join(20)
    ((width, height),) = sizes
    assert width > 0 and height > 0


def test_qemu_wants_the_certificate_of_the_proxy(port, override):
    override("vencrypt_client_cert", None)
    near, far = socket.socketpair()
    far.sendall(b"RFB 003.008\n\x01\x01")
    with pytest.raises((OSError, struct.error)):
        rfb.connect(near, _connected(port), ADDRESS).recv(1)
