"""Image files written by the tests themselves, without tools."""

from __future__ import annotations

import pathlib
import shutil
import struct

import pytest

needs_qemu_img = pytest.mark.skipif(not shutil.which("qemu-img"), reason="qemu-img is missing")


def write_qcow2(path: pathlib.Path, size: int = 1 << 20, backing: str = "") -> pathlib.Path:
    """A qcow2 header (version 3) without data, for code that reads only the header."""
    name = backing.encode()
    header = struct.pack(
        ">4sIQIIQIIQQIIQQQQII",
        b"QFI\xfb",
        3,
        112 if name else 0,
        len(name),
        16,
        size,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        4,
        104,
    )
    path.write_bytes((header + b"\0" * 8 + name).ljust(1 << 16, b"\0"))
    return path
