"""Key pairs: compute the fingerprints of imported keys, and generate new key pairs."""

from __future__ import annotations

import base64
import binascii
import datetime
import hashlib
import re

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from nova_mini import exception

SSH = "ssh"
X509 = "x509"

_RSA_BITS = 2048
_SSH_KEY = re.compile(r"\S+ +\S+( [^\r\n]*)?\s*")
_CERTIFICATE_LIFE = datetime.timedelta(days=3650)
_USER_PRINCIPAL_NAME = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")


def fingerprint(key_type: str, public_key: str) -> str:
    """The MD5 hash of an ssh key or the SHA-1 hash of an x509 certificate (PEM), as hex pairs with
    colons.

    Raises InvalidKeypair when ``public_key`` is not of this type.
    """
    try:
        digest = _ssh_digest(public_key) if key_type == SSH else _x509_digest(public_key)
    except (ValueError, UnsupportedAlgorithm, binascii.Error) as exc:
        raise exception.InvalidKeypair(
            reason=f"failed to generate fingerprint: it is not a public key of type {key_type}"
        ) from exc
    return ":".join(f"{byte:02x}" for byte in digest)


def _ssh_digest(public_key: str) -> bytes:
    if not _SSH_KEY.fullmatch(public_key):
        raise ValueError("not one line of an authorized_keys file")
    serialization.load_ssh_public_key(public_key.strip().encode())
    blob = base64.b64decode(public_key.split()[1])
    return hashlib.md5(blob, usedforsecurity=False).digest()


def _x509_digest(public_key: str) -> bytes:
    return x509.load_pem_x509_certificate(public_key.encode()).fingerprint(hashes.SHA1())


def generate(key_type: str, user_id: str) -> tuple[str, str]:
    """Return (private key as PEM, public key) of a new RSA key, which every guest supports."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()
    if key_type == X509:
        return private, _certificate(key, user_id)
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return private, f"{public.decode()} Generated-by-Nova"


def _certificate(key: rsa.RSAPrivateKey, user_id: str) -> str:
    """A self-signed certificate for the logon of a user over WinRM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, user_id[:64])])
    principal = f"{user_id}@localhost".encode()[:120]
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + _CERTIFICATE_LIFE)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.OtherName(_USER_PRINCIPAL_NAME, bytes([0x0C, len(principal)]) + principal)]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def encrypt_for(ssh_public_key: str, text: str) -> str | None:
    """Encrypt a password for the owner of a key: RSA with PKCS #1 v1.5 padding, in base64, as
    clients of Nova decrypt it. None if the key is not an ssh key of RSA, or too small for the
    text."""
    try:
        key = serialization.load_ssh_public_key(ssh_public_key.strip().encode())
        if not isinstance(key, rsa.RSAPublicKey):
            return None
        return base64.b64encode(key.encrypt(text.encode(), padding.PKCS1v15())).decode()
    except (ValueError, UnsupportedAlgorithm):
        return None
