"""The environment of the daemons in tests: they log each step, die after a step when a test orders
it, and record each run of qemu-img.

All is set by environment variables, so the daemons and their configuration are unchanged.
"""

from __future__ import annotations

import contextlib
import pathlib
import shutil
from collections.abc import Iterator

from tests.functional.harness.waiting import until
from tests.integration.cloud.harness import node

HOME = pathlib.Path("/run/nova-mini-test")
USER = "nova-mini"

_QEMU_IMG = """#!/bin/sh
echo "$*" >> {notes}
exec {program} "$@"
"""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Instruments:
    def __init__(self):
        self._faults = HOME / "faults"
        self._notes = HOME / "qemu-img.notes"

    # -- death on demand -------------------------------------------------------------------------

    def die_after(self, step: str) -> None:
        """The next process that does ``step`` kills itself at its end."""
        (self._faults / step).touch()

    def wait_injected(self, step: str, seconds: float) -> None:
        order = self._faults / step
        until(f"a process has died after {step}", lambda: not order.exists(), seconds, 0.1)

    def disarm(self) -> None:
        for order in self._faults.iterdir():
            order.unlink(missing_ok=True)

    # -- qemu-img --------------------------------------------------------------------------------

    def qemu_img_runs(self) -> list[str]:
        """The arguments of each run of qemu-img so far."""
        return self._notes.read_text().splitlines()

    # -- in and out ------------------------------------------------------------------------------

    def install(self) -> None:
        shutil.rmtree(HOME, ignore_errors=True)
        (HOME / "bin").mkdir(parents=True)
        self._faults.mkdir()
        shutil.chown(self._faults, user=USER)  # who dies takes the order away first
        self._notes.touch()
        noting = HOME / "bin" / "qemu-img"
        noting.write_text(_QEMU_IMG.format(notes=self._notes, program=shutil.which("qemu-img")))
        noting.chmod(0o755)
        node.set_environment(self._variables)
        node.restart_daemons()

    def remove(self) -> None:
        node.unset_environment(self._variables)
        node.set_environment({"PATH": _PATH})
        node.restart_daemons()
        shutil.rmtree(HOME)

    @property
    def _variables(self) -> dict[str, str]:
        return {
            "NOVA_MINI_FAULT_DIR": str(self._faults),
            "OS_DEFAULT__DEBUG": "true",
            "PATH": f"{HOME / 'bin'}:{_PATH}",
        }


@contextlib.contextmanager
def installed() -> Iterator[Instruments]:
    instruments = Instruments()
    instruments.install()
    try:
        yield instruments
    finally:
        instruments.remove()
