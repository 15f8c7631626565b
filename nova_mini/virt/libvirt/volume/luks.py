"""The LUKS header of a block device. QEMU decrypts the volume; this module makes the header of a
new one, which Cinder leaves to the first host for most of its backends."""

from __future__ import annotations

import math
import os
import pathlib
from typing import TYPE_CHECKING

from oslo_concurrency import processutils
from oslo_log import log as logging

from nova_mini import exception
from nova_mini.trace import traced
from nova_mini.virt import images

if TYPE_CHECKING:
    from nova_mini.volume.connection_info import VolumeEncryption

LOG = logging.getLogger(__name__)

_MAGIC, _VERSION = b"LUKS\xba\xbe", (1).to_bytes(2, "big")
_XTS_KEYS = 2  # an XTS key consists of two keys of the cipher; AES has none larger than 256 bits
_AES_SIZES = (128, 192, 256)
_SECTOR, _SLOTS, _STRIPES, _ALIGNMENT = 512, 8, 4000, 8  # of LUKS 1; the alignment in sectors
# The passphrase is a random key: nothing is won by the seconds that QEMU spends on it by default.
_MILLISECONDS = 10
# QEMU 7 sometimes fails to measure how fast it hashes.
_ATTEMPTS, _NOT_MEASURED = 10, "accurate CPU usage"


@traced("luks.ensure_header")
def ensure_header(
    volume_id: str, device: pathlib.Path, encryption: VolumeEncryption, passphrase: str
) -> None:
    """Format a device that is not LUKS yet; what it holds is lost. Idempotent: QEMU writes the part
    that identifies the header last. Raises VolumeAttachFailed."""
    with open(device, "rb") as stream:
        head = stream.read(len(_MAGIC) + len(_VERSION))
    if head == _MAGIC + _VERSION:
        return
    if head.startswith(_MAGIC):
        raise exception.VolumeAttachFailed(
            volume_id=volume_id, reason="its LUKS header is not of version 1"
        )
    LOG.info("Volume %s: making its LUKS header", volume_id)
    try:
        _format(device, encryption, passphrase)
    except processutils.ProcessExecutionError as exc:
        raise exception.VolumeAttachFailed(
            volume_id=volume_id,
            reason="its LUKS header could not be made",
            internal=exc.stderr,
        ) from None


def _format(device: pathlib.Path, encryption: VolumeEncryption, passphrase: str) -> None:
    """The passphrase goes through a pipe: it is in no file and no command line."""
    algorithm, mode, generator = _cipher(encryption)
    size = _key_size(algorithm, mode, encryption["key_size"])
    options = (
        f"key-secret=key,cipher-alg={algorithm}-{size},cipher-mode={mode},ivgen-alg={generator},"
        f"iter-time={_MILLISECONDS}"
    )
    argv = (
        *images.QEMU_IMG_LIMITS,
        *("qemu-img", "create", "-q", "-f", "luks", "-o", options),
        *("--object", "secret,id=key,file=/dev/stdin"),
        *(str(device), str(_size_of(device) - header_size(encryption))),
    )
    for attempt in range(_ATTEMPTS):
        try:
            processutils.execute(*argv, process_input=passphrase)
            break
        except processutils.ProcessExecutionError as exc:
            if _NOT_MEASURED not in (exc.stderr or "") or attempt == _ATTEMPTS - 1:
                raise
    images.fsync(device)


def _key_size(algorithm: str, mode: str, size: int) -> int:
    """As Cinder does, the size of the key (in bits) counts for one of the two keys of XTS, unless
    it is too large for that."""
    is_sum = algorithm == "aes" and mode == "xts" and size not in _AES_SIZES
    return size // _XTS_KEYS if is_sum else size


def _cipher(encryption: VolumeEncryption) -> tuple[str, str, str]:
    algorithm, mode, generator = encryption["cipher"].split("-", 2)
    return algorithm, mode, generator


def header_size(encryption: VolumeEncryption) -> int:
    """Bytes before the data, as qemu-img formats: the header, and the key in stripes for each of
    its slots."""
    algorithm, mode, _generator = _cipher(encryption)
    size = _key_size(algorithm, mode, encryption["key_size"])
    key_bits = size * _XTS_KEYS if mode == "xts" else size
    sectors = math.ceil(key_bits // 8 * _STRIPES / _SECTOR / _ALIGNMENT) * _ALIGNMENT
    return (_ALIGNMENT + _SLOTS * sectors) * _SECTOR


def _size_of(device: pathlib.Path) -> int:
    with open(device, "rb") as stream:
        return stream.seek(0, os.SEEK_END)
