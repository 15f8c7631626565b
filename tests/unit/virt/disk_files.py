"""Image files made by hand, so that tests need no tool for them."""

from __future__ import annotations

import pathlib
import shutil
import struct

import pytest

needs_qemu_img = pytest.mark.skipif(not shutil.which("qemu-img"), reason="qemu-img is missing")


def write_qcow2(path: pathlib.Path, size: int = 1 << 20, backing: str = "") -> pathlib.Path:
    """A qcow2 header (version 3) without data: enough for whoever reads headers."""
    name = backing.encode()
    header = struct.pack(
        ">4sIQIIQIIQQIIQQQQII",
        b"QFI\xfb",
        3,
        112 if name else 0,
        len(name),
        16,
        size,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 104,
    )  # fmt: skip
    path.write_bytes((header + b"\0" * 8 + name).ljust(1 << 16, b"\0"))
    return path
