"""The encryption of a volume, as Cinder describes it, and which kinds hosts can serve.

QEMU decrypts: nothing is decrypted on the host, and no device-mapper is needed. It knows LUKS of
version 1 only. Cinder's ``plain`` has no header that QEMU could read, and ``luks2`` and ``plain``
would need dm-crypt.
"""

from __future__ import annotations

from typing import Any

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.volume.connection_info import VolumeEncryption

# Cinder's "provider" of LUKS 1; older volume types name a class.
_LUKS = frozenset(
    {
        "luks",
        "luksencryptor",
        "nova.volume.encryptors.luks.luksencryptor",
        "os_brick.encryptors.luks.luksencryptor",
    }
)
_CIPHER, _KEY_SIZE = "aes-xts-plain64", 256  # Cinder's defaults


def check_key_manager(volume_id: str) -> None:
    """Called for encrypted volumes. Raises VolumeEncryptionNotSupported without a key manager."""
    if not CONF.key_manager.backend:
        raise exception.VolumeEncryptionNotSupported(
            volume_id=volume_id,
            reason="servers of this cloud cannot have encrypted volumes, because it has no key "
            "manager; use a volume type without encryption",
        )


def check_swap(volume_id: str, encrypted: bool) -> None:
    """Raises VolumeEncryptionNotSupported: QEMU would copy the content without or with another
    encryption than Cinder's record says."""
    if encrypted:
        raise _refusal(volume_id, "an encrypted volume cannot be swapped; detach it instead")


def parse(volume_id: str, record: dict[str, Any]) -> VolumeEncryption:
    """Cinder's record of an encrypted volume. Raises VolumeEncryptionNotSupported."""
    check_key_manager(volume_id)
    provider = str(record.get("provider"))
    if provider.lower() not in _LUKS:
        raise _refusal(
            volume_id, f"its encryption is '{provider}'; use a volume type with the provider luks"
        )
    location = record.get("control_location") or "front-end"
    if location != "front-end":
        raise _refusal(
            volume_id,
            f"its encryption is controlled by the {location}; use a volume type with the control "
            "location front-end",
        )
    if not record.get("encryption_key_id"):
        raise _refusal(volume_id, "the volume service has no key of it")
    return VolumeEncryption(
        key_id=record["encryption_key_id"],
        cipher=record.get("cipher") or _CIPHER,
        key_size=int(record.get("key_size") or _KEY_SIZE),
    )


def _refusal(volume_id: str, reason: str) -> exception.VolumeEncryptionNotSupported:
    return exception.VolumeEncryptionNotSupported(volume_id=volume_id, reason=reason)
