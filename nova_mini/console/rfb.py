"""The first messages of RFB (RFC 6143), the protocol of VNC, between a browser and QEMU.

The browser is offered no security, because its token has authorized it. To QEMU's VNC server the
proxy authenticates by itself: see ``[vnc] auth_schemes``.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Sequence
from typing import Protocol

from nova_mini import exception
from nova_mini.conf import CONF

_VERSION = b"RFB 003.008\n"
_SECURITY_TYPES = {"none": 1, "vencrypt": 19}
_NO_SECURITY = _SECURITY_TYPES["none"]
_VENCRYPT_VERSION = bytes((0, 2))
_X509_NONE = 260  # TLS with certificates, and no password
_MAX_REASON = 1024


class Stream(Protocol):
    def recv(self, count: int, /) -> bytes: ...

    def sendall(self, data: bytes, /) -> None: ...


def connect(browser: Stream, server: socket.socket, host: str) -> socket.socket:
    """Exchange the messages up to the result of the security handshake with both sides.

    Returns the socket to use from now on: ``server``, or TLS on it. ``host``: the name in the
    server's certificate. Raises ConsoleRefused, OSError.
    """
    _exchange_versions(browser, server)
    scheme = _choose_scheme(server, CONF.vnc.auth_schemes)
    server.sendall(bytes((_SECURITY_TYPES[scheme],)))
    if scheme == "vencrypt":
        server = _start_tls(server, host)
    (result,) = struct.unpack("!I", _read(server, 4))
    if result:
        raise exception.ConsoleRefused(reason=f"the VNC server refuses: {_reason(server)}")
    browser.sendall(bytes((1, _NO_SECURITY)))
    if _read(browser, 1)[0] != _NO_SECURITY:
        raise exception.ConsoleRefused(reason="the VNC client wants a type that was not offered")
    browser.sendall(struct.pack("!I", 0))
    return server


def _exchange_versions(browser: Stream, server: Stream) -> None:
    for stream, name in ((server, "server"), (browser, "client")):
        if stream is browser:
            browser.sendall(_VERSION)
        found = _read(stream, len(_VERSION))
        if found != _VERSION:
            raise exception.ConsoleRefused(reason=f"the VNC {name} does not speak RFB 3.8")
    server.sendall(_VERSION)


def _choose_scheme(server: Stream, schemes: Sequence[str]) -> str:
    """The first scheme that the server offers."""
    (count,) = _read(server, 1)
    if not count:
        raise exception.ConsoleRefused(reason=f"the VNC server refuses: {_reason(server)}")
    offered = _read(server, count)
    for scheme in schemes:
        if _SECURITY_TYPES[scheme] in offered:
            return scheme
    raise exception.ConsoleRefused(
        reason=f"the VNC server offers the security types {list(offered)}, and [vnc] auth_schemes "
        f"are {', '.join(schemes)}"
    )


def _start_tls(server: socket.socket, host: str) -> ssl.SSLSocket:
    """The handshake of VeNCrypt."""
    if _read(server, 2) != _VENCRYPT_VERSION:
        raise exception.ConsoleRefused(reason="the VNC server does not speak VeNCrypt 0.2")
    server.sendall(_VENCRYPT_VERSION)
    if _read(server, 1)[0]:
        raise exception.ConsoleRefused(reason="the VNC server refuses VeNCrypt 0.2")
    (count,) = _read(server, 1)
    offered = struct.unpack(f"!{count}I", _read(server, 4 * count))
    if _X509_NONE not in offered:
        raise exception.ConsoleRefused(
            reason=f"the VNC server offers VeNCrypt's types {list(offered)}, without {_X509_NONE}"
        )
    server.sendall(struct.pack("!I", _X509_NONE))
    if _read(server, 1)[0] != 1:
        raise exception.ConsoleRefused(reason="the VNC server refuses TLS")
    return _tls().wrap_socket(server, server_hostname=host)


def _tls() -> ssl.SSLContext:
    """Raises OSError if a file cannot be read, or is no certificate."""
    options = CONF.vnc
    context = ssl.create_default_context(cafile=options.vencrypt_ca_certs)
    if options.vencrypt_client_cert:
        context.load_cert_chain(options.vencrypt_client_cert, options.vencrypt_client_key)
    return context


def _reason(server: Stream) -> str:
    (length,) = struct.unpack("!I", _read(server, 4))
    return ascii(_read(server, min(length, _MAX_REASON)).decode("utf-8", "replace"))


def _read(stream: Stream, count: int) -> bytes:
    """Raises ConnectionResetError at the end of the stream."""
    data = b""
    while len(data) < count:
        part = stream.recv(count - len(data))
        if not part:
            raise ConnectionResetError("the connection ended during the handshake")
        data += part
    return data
