"""A file that exists only when its data is what the image's record says."""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import IO

from nova_mini import exception
from nova_mini.objects.image_meta import ImageMeta

_ZEROS = bytes(64 * 1024)


class VerifiedFile:
    """Context manager: write the data in order; leaving it verifies and syncs, or removes."""

    def __init__(self, path: str, image: ImageMeta):
        self._path = path
        self._image = image
        self._file: IO[bytes] | None = None
        self._size = 0
        self._hash, self._expected = _hasher(image)

    def __enter__(self) -> VerifiedFile:
        self._file = open(self._path, "wb")  # noqa: SIM115
        return self

    def write(self, data: bytes) -> None:
        """Whole blocks of zeros become holes."""
        self._size += len(data)
        if self._hash is not None:
            self._hash.update(data)
        for start in range(0, len(data), len(_ZEROS)):
            block = data[start : start + len(_ZEROS)]
            if block == _ZEROS:
                self._file.seek(len(block), os.SEEK_CUR)
            else:
                self._file.write(block)

    def __exit__(self, exc_type, exc, traceback) -> None:
        try:
            with self._file:
                if exc_type is None:
                    self._file.truncate(self._size)
                    self._verify()
                    self._file.flush()
                    os.fsync(self._file.fileno())
        except BaseException:
            self._remove()
            raise
        if exc_type is not None:
            self._remove()

    def _verify(self) -> None:
        if self._hash is not None and self._hash.hexdigest() != self._expected:
            raise exception.ImageUnacceptable(
                image_id=self._image.id,
                reason=f"its data does not have the {self._hash.name} sum of its record",
            )
        if self._image.size is not None and self._size != self._image.size:
            raise exception.ImageUnacceptable(
                image_id=self._image.id,
                reason=f"{self._size} bytes came, its record says {self._image.size}",
            )

    def _remove(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)


def _hasher(image: ImageMeta):
    """The strong hash where Glance has one that we know, else the old checksum, else none."""
    if image.os_hash_value and image.os_hash_algo in hashlib.algorithms_available:
        return hashlib.new(image.os_hash_algo), image.os_hash_value
    if image.checksum:
        return hashlib.md5(usedforsecurity=False), image.checksum
    return None, None
