"""Find out whether KVM works on this machine, by booting the stack's own guest."""

import platform
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

from stacklib import files, milestones
from stacklib.stack import Stack

SECONDS = 30
READY = b"GUEST: ready"
# QEMU prints it before it pauses a guest permanently: on some machines KVM fails at instructions of
# boot loaders and kernels.
FAILURE = b"KVM internal error"


def virt_type(stack: Stack) -> str:
    """Return `kvm` if the probe has found that it works, else `qemu` (emulation)."""
    return _answer(stack).read_text().strip() if stack.has("kvm") else "qemu"


def probe(stack: Stack) -> None:
    """Boot the guest from its disk, as servers do. Store the result for this kernel."""
    disk = stack.directory / "images" / "disk.raw"
    own_digest = files.digest([Path(__file__)])

    def boot() -> None:
        runs = Path("/dev/kvm").exists() and gets_ready(_command(disk), SECONDS)
        files.write(_answer(stack), "kvm" if runs else "qemu", 0o644)

    milestones.once(stack, "kvm", [platform.release(), own_digest], boot)


def gets_ready(command: Sequence[str], seconds: float) -> bool:
    """Whether the guest of `command` reports within `seconds` that it has booted."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as guest:
        timer = threading.Timer(seconds, guest.kill)
        timer.start()
        try:
            for line in guest.stdout:
                if READY in line:
                    return True
                if FAILURE in line:
                    return False
            return False
        finally:
            timer.cancel()
            guest.kill()


def _command(disk: Path) -> list[str]:
    return [
        "qemu-system-x86_64",
        "-accel",
        "kvm",
        "-cpu",
        "host",
        "-m",
        "128",
        "-nodefaults",
        "-display",
        "none",
        "-no-reboot",
        "-serial",
        "stdio",
        "-drive",
        f"file={disk},format=raw,if=virtio,snapshot=on",
    ]


def _answer(stack: Stack) -> Path:
    return stack.control.data / "virt-type"
