"""Find out whether guests really run under KVM here, by running the smallest one there is."""

import subprocess
import tempfile
from pathlib import Path

from stacklib import files
from stacklib.stack import Stack

SECONDS = 10
EXIT_PORT, EXIT_VALUE = 0x501, 0x10
EXIT_STATUS = EXIT_VALUE << 1 | 1  # what QEMU's isa-debug-exit makes of the value

# mov dx, EXIT_PORT; mov al, EXIT_VALUE; out dx, al; hlt; jmp to hlt
CODE = bytes([0xBA, EXIT_PORT & 0xFF, EXIT_PORT >> 8, 0xB0, EXIT_VALUE, 0xEE, 0xF4, 0xEB, 0xFD])
BOOT_SECTOR = CODE.ljust(510, b"\0") + b"\x55\xaa"


def virt_type(stack: Stack) -> str:
    """Return what the probe found: `kvm` or `qemu` (emulation)."""
    return (stack.data / "virt-type").read_text().strip()


def probe(stack: Stack) -> None:
    """Boot a guest of one sector that can only say that it ran; remember the answer."""
    answer = stack.data / "virt-type"
    if not answer.exists():
        files.write(answer, "kvm" if _runs() else "qemu", 0o644)


def _runs() -> bool:
    if not Path("/dev/kvm").exists():
        return False
    with tempfile.NamedTemporaryFile(suffix=".img") as disk:
        disk.write(BOOT_SECTOR)
        disk.flush()
        argv = [
            "qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-m", "16", "-nodefaults",
            "-display", "none", "-no-reboot",
            "-device", f"isa-debug-exit,iobase={EXIT_PORT:#x},iosize=1",
            "-drive", f"file={disk.name},format=raw,if=ide,snapshot=on",
        ]
        try:
            done = subprocess.run(argv, capture_output=True, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == EXIT_STATUS
