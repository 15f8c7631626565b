"""The systemd units of a cloud, with faults: daemons of nova_mini, and the engines."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable, Mapping, Sequence

from tests.functional.harness.waiting import until
from tests.integration.cloud.harness.machine import Machine

_HOME = "/run/nova-mini-chaos"
_DROP_INS = "/run/systemd/system"
_BACK_SECONDS = 90


class Daemon:
    """A systemd unit of nova_mini, with its own directory for orders of faults."""

    def __init__(self, machine: Machine, name: str):
        self._machine = machine
        self._unit = machine.unit(name)
        self._name = name
        self._before = 0
        self.logs = [machine.log(name)]

    def is_on(self, host: str) -> bool:
        return self._machine.name == host

    @property
    def _orders(self) -> pathlib.Path:
        return self._machine.path(f"{_HOME}/{self._name}")

    def equip(self, variables: Mapping[str, str]) -> None:
        """Let it obey orders, and have these variables, from its next start on."""
        orders = f"{_HOME}/{self._name}"
        # The daemon, which has a user of its own, removes the orders.
        self._machine.run("install", "--directory", "--mode=0777", orders)
        self.disarm()
        variables = {"NOVA_MINI_FAULT_DIR": orders, **variables}
        self._drop_in("chaos", [f"Environment={name}={text}" for name, text in variables.items()])

    def order(self, name: str, text: str) -> None:
        draft = self._machine.path(f"{_HOME}/{self._name}.order")
        draft.write_text(text)
        draft.rename(self._orders / name)

    def inject_at(self, point: str, order: str, pause: float) -> None:
        self._drop_in("chaos-pause", [f"RestartSec={max(pause, 0.1)}"])
        self._machine.run("systemctl", "daemon-reload")
        # The parent process of the API replaces its workers by itself.
        self._before = 0 if self._name == "api" else self._machine.main_pid(self._unit)
        self.order(point, order)

    def restart(self) -> None:
        """Start it again, with what it was equipped with, and wait until it is ready."""
        self._machine.run("systemctl", "daemon-reload")
        self._machine.restart(self._unit)
        self._machine.wait_active(self._unit)

    def is_injected(self, point: str) -> bool:
        return not (self._orders / point).exists()

    def kill(self) -> None:
        self._before = self._machine.main_pid(self._unit)
        self._machine.kill(self._unit)

    def recover(self, _pause: float = 0) -> None:
        """Wait until systemd has restarted it."""
        if self._before:
            _wait_back(self._machine, self._unit, self._before)

    def memory(self) -> int:
        """The proportional set size (PSS) of its processes, in MiB."""
        return sum(_pss(self._machine, pid) for pid in self._machine.processes(self._unit)) // 1024

    def disarm(self) -> None:
        if self._orders.is_dir():
            for order in self._orders.iterdir():
                order.unlink(missing_ok=True)

    def _drop_in(self, name: str, lines: list[str]) -> None:
        directory = f"{_DROP_INS}/{self._unit}.service.d"
        self._machine.run("install", "--directory", directory)
        text = "\n".join(["[Service]", *lines, ""])
        self._machine.path(f"{directory}/{name}.conf").write_text(text)

    def unequip(self) -> None:
        self._machine.run("rm", "--recursive", "--force", f"{_DROP_INS}/{self._unit}.service.d")


class Parallel:
    """The daemons of one service on several machines: an order is for the one that comes to it
    first."""

    def __init__(self, daemons: Sequence[Daemon]):
        self._daemons = daemons
        self.logs = [log for each in daemons for log in each.logs]

    def order(self, name: str, text: str) -> None:
        for each in self._daemons:
            each.order(name, text)

    def inject_at(self, point: str, order: str, pause: float) -> None:
        for each in self._daemons:
            each.inject_at(point, order, pause)

    def is_injected(self, point: str) -> bool:
        """Whether one has obeyed; then the order does not hold for the others any more."""
        if not any(each.is_injected(point) for each in self._daemons):
            return False
        self.disarm()
        return True

    def kill(self) -> None:
        for each in self._daemons:
            each.kill()

    def recover(self, _pause: float = 0) -> None:
        """The others do its work meanwhile, so nobody waits until it is back."""

    def disarm(self) -> None:
        for each in self._daemons:
            each.disarm()


class Engine:
    """``is_available()``: whether the engine can be used again."""

    def __init__(
        self, machine: Machine, unit: str, is_available: Callable[[], bool], whom: str = "all"
    ):
        self._machine, self._unit = machine, unit
        self._is_available, self._whom = is_available, whom
        self._before = 0

    def kill(self) -> None:
        self._before = self._machine.main_pid(self._unit)
        self._machine.kill(self._unit, whom=self._whom)

    def recover(self) -> None:
        _wait_back(self._machine, self._unit, self._before)
        until(f"{self._unit} answers", self._is_available, _BACK_SECONDS, 0.2)


def _wait_back(machine: Machine, unit: str, before: int) -> None:
    def is_back() -> bool:
        return machine.main_pid(unit) not in (0, before) and machine.is_active(unit)

    until(f"{unit} on {machine.name} is back", is_back, _BACK_SECONDS, 0.1)


def _pss(machine: Machine, pid: int) -> int:
    """The PSS of a process in KiB; 0 if it has ended."""
    rollup = f"/proc/{pid}/smaps_rollup"
    if not machine.succeeds("test", "-e", rollup):
        return 0
    found = re.search(r"^Pss:\s+(\d+)", machine.run("cat", rollup), re.MULTILINE)
    return int(found[1]) if found else 0
