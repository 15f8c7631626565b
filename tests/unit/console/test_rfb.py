"""The RFB handshake of the VNC proxy, between a client and a server over real sockets."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import struct
import threading
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from nova_mini import exception
from nova_mini.console import rfb

VERSION = b"RFB 003.008\n"
NONE, VNC_PASSWORD, VENCRYPT = 1, 2, 19
X509_NONE, TLS_NONE = 260, 257
HOST = "127.0.0.1"


def _read(line: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count and (part := line.recv(count - len(data))):
        data += part
    return data


def _client(line: socket.socket) -> None:
    """A VNC client, which sees the screen's first byte."""
    assert _read(line, 12) == VERSION
    line.sendall(VERSION)
    assert _read(line, 2) == bytes((1, NONE))
    line.sendall(bytes((NONE,)))
    assert _read(line, 4) == b"\0\0\0\0"


def _offer(line: socket.socket, *types: int) -> int:
    """Up to the choice of the proxy."""
    line.sendall(VERSION)
    assert _read(line, 12) == VERSION
    line.sendall(bytes((len(types), *types)))
    return _read(line, 1)[0]


def _open_server(line: socket.socket) -> None:
    assert _offer(line, VNC_PASSWORD, NONE) == NONE
    line.sendall(struct.pack("!I", 0))
    line.sendall(b"screen")


def _tls_server(context: ssl.SSLContext, *subtypes: int) -> Callable[[socket.socket], None]:
    def serve(line: socket.socket) -> None:
        assert _offer(line, NONE, VENCRYPT) == VENCRYPT
        line.sendall(bytes((0, 2)))
        assert _read(line, 2) == bytes((0, 2))
        line.sendall(bytes((0, len(subtypes))) + struct.pack(f"!{len(subtypes)}I", *subtypes))
        if struct.unpack("!I", _read(line, 4))[0] != X509_NONE:
            return
        line.sendall(b"\x01")
        with context.wrap_socket(line, server_side=True) as secure:
            secure.sendall(struct.pack("!I", 0))
            secure.sendall(b"screen")
            _read(secure, 1)

    return serve


def _connect(serve, client=_client) -> tuple[socket.socket, list[Exception]]:
    """Returns the proxy's side of the server, after the handshake, and errors of the others."""
    (near_client, far_client), (near_server, far_server) = socket.socketpair(), socket.socketpair()
    errors: list[Exception] = []

    def run(side, line) -> None:
        try:
            side(line)
        except Exception as exc:
            errors.append(exc)
        finally:
            if side is client:
                line.close()

    for side, line in ((client, far_client), (serve, far_server)):
        threading.Thread(target=run, args=(side, line), daemon=True).start()
    near_server.settimeout(20)
    near_client.settimeout(20)
    try:
        return rfb.connect(near_client, near_server, HOST), errors
    finally:
        near_client.close()


def test_a_server_without_security_is_connected():
    server, errors = _connect(_open_server)
    assert _read(server, 6) == b"screen"
    assert errors == []


def _refusal(serve, client=_client) -> str:
    with pytest.raises(exception.ConsoleRefused) as caught:
        _connect(serve, client)
    return str(caught.value)


def test_a_server_that_offers_no_allowed_type_is_refused(override):
    assert "auth_schemes are none" in _refusal(lambda line: _offer(line, VNC_PASSWORD))
    override("auth_schemes", ["vencrypt"], "vnc")
    assert "auth_schemes are vencrypt" in _refusal(lambda line: _offer(line, NONE))


def test_refusals_of_the_server():
    def refuse_at_once(line):
        line.sendall(VERSION)
        line.sendall(b"\0" + struct.pack("!I", 8) + b"too many")

    def refuse_later(line):
        _offer(line, NONE)
        line.sendall(struct.pack("!II", 1, 4) + b"no\n\x1b")

    assert "too many" in _refusal(refuse_at_once)
    message = _refusal(refuse_later)
    assert "no" in message and "\n" not in message and "\x1b" not in message


def test_old_versions_are_refused():
    assert "server does not speak RFB 3.8" in _refusal(lambda line: line.sendall(b"RFB 003.003\n"))

    def old_client(line):
        _read(line, 12)
        line.sendall(b"RFB 003.003\n")

    assert "client does not speak RFB 3.8" in _refusal(_open_server, old_client)


def test_a_client_cannot_choose_another_type():
    def stubborn(line):
        _read(line, 12)
        line.sendall(VERSION)
        _read(line, 2)
        line.sendall(bytes((VNC_PASSWORD,)))

    assert "not offered" in _refusal(_open_server, stubborn)


def test_a_server_that_leaves_is_an_error_of_the_connection():
    with pytest.raises(ConnectionResetError):
        _connect(lambda line: line.close())


# -- VeNCrypt ------------------------------------------------------------------------------------


class Authority:
    """Signs certificates, each for an address. Files are in ``folder``."""

    def __init__(self, folder, name: str):
        self._folder, self._name = folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(self._sign(name, self._key, is_authority=True))

    def _sign(self, name: str, key, address: str | None = None, *, is_authority=False) -> bytes:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self._name)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        )
        if address:
            names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def issue(self, name: str, address: str) -> tuple[str, str]:
        """Files with a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate, secret = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        certificate.write_bytes(self._sign(name, key, address))
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return str(certificate), str(secret)


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path, "authority")


@pytest.fixture
def vencrypt(authority, override):
    """The proxy has a certificate, and wants VeNCrypt."""
    certificate, key = authority.issue("proxy", "192.0.2.1")
    override("auth_schemes", ["vencrypt", "none"], "vnc")
    override("vencrypt_ca_certs", str(authority.file), "vnc")
    override("vencrypt_client_cert", certificate, "vnc")
    override("vencrypt_client_key", key, "vnc")


def _server_context(authority: Authority, address: str = HOST) -> ssl.SSLContext:
    """Of a server that wants a certificate of the client, as QEMU with vnc_tls_x509_verify."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server", address))
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def test_a_server_with_vencrypt_is_connected_by_tls(authority, vencrypt):
    server, errors = _connect(_tls_server(_server_context(authority), TLS_NONE, X509_NONE))
    assert isinstance(server, ssl.SSLSocket)
    assert _read(server, 6) == b"screen"
    assert errors == []


def test_a_server_of_another_authority_or_address_is_refused(authority, vencrypt, tmp_path):
    other = Authority(tmp_path, "other")
    for context in (_server_context(other), _server_context(authority, "192.0.2.99")):
        with pytest.raises(ssl.SSLCertVerificationError):
            _connect(_tls_server(context, X509_NONE))


def test_a_proxy_without_a_certificate_is_refused_by_the_server(authority, vencrypt, override):
    override("vencrypt_client_cert", None, "vnc")
    with pytest.raises(OSError):  # noqa: PT011 - TLS 1.3 tells it at the first read
        server, _ = _connect(_tls_server(_server_context(authority), X509_NONE))
        _read(server, 6)


def test_vencrypt_without_certificates_is_refused(authority, vencrypt):
    """TLS with anonymous keys does not prove who the server is."""
    assert "without 260" in _refusal(_tls_server(_server_context(authority), TLS_NONE))
