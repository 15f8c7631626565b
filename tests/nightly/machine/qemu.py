"""The test host as a QEMU process of this machine."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Iterator

from tests.functional.harness.process import Process
from tests.nightly.machine.image import Debian

PORT = "nova-mini.reports"  # what the test host writes to it is read here
MEMORY = 2048  # MiB
_PAUSE = 0.2
_KERNEL_OPTIONS = (
    "root=/dev/vda rw console=ttyS0 quiet panic=-1 mitigations=off net.ifnames=0 "
    "systemd.show_status=0 systemd.unit=basic.target systemd.wants=nova-mini-tests.service"
)


class Machine:
    """An emulated machine with two processors; changes of its disks are discarded."""

    def __init__(self, directory: pathlib.Path, debian: Debian, code: pathlib.Path):
        self._reports = directory / "reports"
        self._reports.touch()
        self._process = Process(
            "test host", _qemu(debian, code, self._reports), directory / "console"
        )
        self._read = 0

    def start(self) -> None:
        self._process.spawn()

    def stop(self) -> None:
        self._process.kill()

    def lines(self, seconds: float) -> Iterator[str]:
        """The lines of its reports. Raises AssertionError with the end of the console when no line
        arrives for ``seconds``."""
        deadline = time.monotonic() + seconds
        while True:
            alive = self._process.alive
            fresh = self._reports.read_bytes()[self._read :]
            whole = fresh[: fresh.rfind(b"\n") + 1]
            self._read += len(whole)
            for line in whole.splitlines():
                yield line.decode()
                deadline = time.monotonic() + seconds
            if not whole and (not alive or time.monotonic() > deadline):
                state = f"silent for {seconds:g} s" if alive else "dead"
                raise AssertionError(f"the test host is {state}:\n{self._process.tail()}")
            time.sleep(_PAUSE)


def _qemu(debian: Debian, code: pathlib.Path, reports: pathlib.Path) -> list[str]:
    return [
        "qemu-system-x86_64",
        "-M",
        "pc",
        "-accel",
        "tcg,thread=multi",
        "-cpu",
        "max",
        "-smp",
        "2",
        "-m",
        str(MEMORY),
        "-nodefaults",
        "-display",
        "none",
        "-no-reboot",
        "-kernel",
        str(debian.kernel),
        "-initrd",
        str(debian.initrd),
        "-append",
        _KERNEL_OPTIONS,
        "-drive",
        f"file={debian.disk},format=raw,if=virtio,snapshot=on",
        "-drive",
        f"file={code},format=raw,if=virtio,readonly=on",
        "-object",
        "rng-random,id=random,filename=/dev/urandom",
        "-device",
        "virtio-rng-pci,rng=random",
        "-device",
        "virtio-serial",
        "-chardev",
        f"file,id=reports,path={reports}",
        "-device",
        f"virtserialport,chardev=reports,name={PORT}",
        "-serial",
        "stdio",
    ]
