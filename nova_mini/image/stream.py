"""Write an image's data to a file and verify its size and checksum."""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import IO, NoReturn

from nova_mini import exception
from nova_mini.objects.image_meta import ImageMeta

_ZEROS = bytes(64 * 1024)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class VerifiedFile:
    """Context manager: the body writes the data in order. The exit verifies and syncs the file;
    after an error it removes the file."""

    def __init__(self, path: str, image: ImageMeta):
        self._path = path
        self._image = image
        self._file: IO[bytes] | None = None
        self._size = 0
        self._hash, self._expected = _hasher(image)

    def __enter__(self) -> VerifiedFile:
        self._file = open(self._path, "wb", opener=_open_private)  # noqa: SIM115
        return self

    @property
    def _opened(self) -> IO[bytes]:
        if self._file is None:
            raise ValueError("the file is not open")
        return self._file

    def write(self, data: bytes) -> None:
        """Blocks of zeros become holes. Raises ImageUnacceptable as soon as there is more data than
        the record says, so that the host's disk is not filled."""
        self._size += len(data)
        if self._image.size is not None and self._size > self._image.size:
            self._refuse_size()
        if self._hash is not None:
            self._hash.update(data)
        for start in range(0, len(data), len(_ZEROS)):
            block = data[start : start + len(_ZEROS)]
            if block == _ZEROS:
                self._opened.seek(len(block), os.SEEK_CUR)
            else:
                self._opened.write(block)

    def __exit__(self, exc_type, exc, traceback) -> None:
        try:
            with self._opened as file:
                if exc_type is None:
                    file.truncate(self._size)
                    self._verify()
                    file.flush()
                    os.fsync(file.fileno())
        except BaseException:
            self._remove()
            raise
        if exc_type is not None:
            self._remove()

    def _verify(self) -> None:
        if self._hash is not None and self._hash.hexdigest() != self._expected:
            raise exception.ImageUnacceptable(
                image_id=self._image.id,
                reason=f"the {self._hash.name} checksum of its data differs from its record",
            )
        if self._image.size is not None and self._size != self._image.size:
            self._refuse_size()

    def _refuse_size(self) -> NoReturn:
        raise exception.ImageUnacceptable(
            image_id=self._image.id,
            reason=f"{self._size} bytes were received, but its record says {self._image.size}",
        )

    def _remove(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)


def _hasher(image: ImageMeta):
    """(hash object, expected value): the strong hash if Glance has one of a known algorithm, else
    the MD5 checksum, else None."""
    algorithm = image.os_hash_algo
    if image.os_hash_value and algorithm and algorithm in hashlib.algorithms_available:
        return hashlib.new(algorithm), image.os_hash_value
    if image.checksum:
        return hashlib.md5(usedforsecurity=False), image.checksum
    return None, None
