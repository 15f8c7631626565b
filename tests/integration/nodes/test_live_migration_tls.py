"""Guests move between nodes with native TLS: QEMU encrypts, and checks the other side."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.functional.harness.waiting import until
from tests.integration.nodes.test_live_migration import ends, migrate, running_on

FOLDER = "/etc/pki/qemu"
NODES = ("n1", "n2")
TLS = {"OS_LIBVIRT__LIVE_MIGRATION_WITH_NATIVE_TLS": "true"}


class Authority:
    """Signs certificates of nodes, for one day."""

    def __init__(self, name: str):
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        unsigned = self._unsigned(self._name, self._key).add_extension(constraints, critical=True)
        self.certificate = _pem(unsigned.sign(self._key, hashes.SHA256()))

    def issue(self, node: str, address: str) -> tuple[str, str]:
        """The certificate and the key of a node, which serves and connects."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        unsigned = self._unsigned(_named(node), key).add_extension(names, critical=False)
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return _pem(unsigned.sign(self._key, hashes.SHA256())), private.decode()

    def _unsigned(self, name: x509.Name, key) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def install(nodes, node: str, authority: Authority) -> None:
    certificate, key = authority.issue(node, nodes.address(node))
    files = {"ca-cert.pem": authority.certificate}
    for side in ("server", "client"):
        files |= {f"{side}-cert.pem": certificate, f"{side}-key.pem": key}
    for name, content in files.items():
        script = 'mkdir -p "${1%/*}" && printf %s "$2" >"$1"'  # QEMU's user may read it
        nodes.run(node, "sh", "-c", script, "sh", f"{FOLDER}/{name}", content)


@pytest.fixture
def authority(nodes) -> Iterator[Authority]:
    """Nodes with certificates of this authority, whose computes want TLS."""
    made = Authority("migrations")
    for node in NODES:
        install(nodes, node, made)
        set_options(nodes, node, TLS)
    yield made
    for node in NODES:
        nodes.run(node, "rm", "-r", FOLDER)
        set_options(nodes, node, {})


def set_options(nodes, node: str, values: dict[str, str]) -> None:
    nodes.set_options(node, "compute", values)
    until(f"{node} is up", lambda: nodes.compute_state(node) == "up", 60, 0.5)


def test_a_guest_moves_with_tls(nodes, authority, boot):
    server = boot("n1")["id"]
    for node in ("n2", "n1"):
        migrate(nodes, server, node)
        after = ends(nodes, server, "completed")
        assert after["OS-EXT-SRV-ATTR:host"] == node
        assert running_on(nodes, server) == [node]


def test_a_guest_does_not_go_to_a_host_with_a_certificate_of_another_authority(
    nodes, authority, boot
):
    server = boot("n1")["id"]
    install(nodes, "n2", Authority("another authority"))
    migrate(nodes, server, "n2")
    after = ends(nodes, server, "failed")
    assert after["OS-EXT-SRV-ATTR:host"] == "n1"
    assert running_on(nodes, server) == ["n1"]


def test_a_destination_without_certificates_answers_before_anything_is_changed(
    nodes, authority, boot
):
    server = boot("n1")["id"]
    nodes.run("n2", "rm", f"{FOLDER}/server-key.pem")
    migrate(nodes, server, "n2")
    ends(nodes, server, "error")
    assert running_on(nodes, server) == ["n1"]
    events = {each["event"] for each in nodes.newest_action(server)["events"]}
    assert "LibvirtDriver.pre_live_migration" not in events
