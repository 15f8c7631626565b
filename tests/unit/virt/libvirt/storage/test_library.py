"""The compute's process does not import librbd, which may abort its process."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import sys
import nova_mini.cmd.compute
import nova_mini.virt.libvirt.imagebackend.rbd
import nova_mini.virt.libvirt.snapshot_direct
print([name for name in ("rbd", "rados") if name in sys.modules])
"""


def test_a_compute_does_not_import_librbd():
    command = [sys.executable, "-c", _PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout == "[]\n", done.stderr
