"""Transient systemd units inside a node, restarted only when their definition has changed."""

import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stacklib import cgroups, files
from stacklib.errors import StackError
from stacklib.node import Node

MARKS = "/run/nova-mini-stack"
# The properties of a unit that are read from systemd, with their default values.
PROPERTIES = {
    "ActiveState": "inactive",
    "ActiveEnterTimestamp": "",
    "ControlGroup": "",
    "Job": "",
    "NRestarts": "0",
}
LEFT_BEHIND = """
group=$(systemctl show --value --property=ControlGroup "$1")
[ -z "$group" ] || cat "/sys/fs/cgroup$group/cgroup.procs" 2>/dev/null || :
"""


@dataclass(frozen=True, eq=False)
class Unit:
    """A program that systemd keeps running. It is restarted when one of the files `watched` has
    changed."""

    name: str
    argv: tuple[str, ...]
    properties: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    watched: tuple[Path, ...] = ()


class Units:
    """The units of one node. Every unit has its own log file on the host."""

    def __init__(self, node: Node, logs: Path):
        self._node = node
        self._logs = logs

    def ensure(self, units: Sequence[Unit]) -> None:
        """Start `units` that do not run as described, without waiting until they are ready."""
        changed = {unit: self._mark(unit) for unit in units if not self._runs_as_described(unit)}
        self.stop(*(unit.name for unit in changed))
        for unit, mark in changed.items():
            self._release(unit.name)
            self._node.write(f"{MARKS}/{unit.name}", mark)
            try:
                self._node.run(self._systemd_run(unit))
            except StackError as error:
                reason = self._last_words(unit.name, error.reason)
                raise StackError(reason, self._log(unit.name)) from error

    def stop(self, *names: str) -> None:
        """Stop units, which need not be loaded, and reset their failures."""
        script = 'systemctl stop "$@" 2>/dev/null; systemctl reset-failed "$@" 2>/dev/null; true'
        if names:
            self._node.run(["sh", "-c", script, "sh", *names], timeout=120)

    def state(self, name: str) -> str:
        """Return the state of the unit: active, activating, failed or inactive."""
        return self._show(name)["ActiveState"]

    def ready(self, units: Sequence[Unit]) -> bool:
        """Whether all `units` are ready. Raise StackError when one has died or dies repeatedly:
        systemd restarts a unit without a limit."""
        for unit in units:
            now = self._show(unit.name)
            state = now["ActiveState"]
            again = state == "activating" and int(now["NRestarts"]) >= 3
            ended = state in ("failed", "inactive") and not now["Job"]
            if again or ended:
                raise StackError(self._last_words(unit.name, "it stopped"), self._log(unit.name))
            if state != "active":
                return False
        return True

    def started(self, name: str) -> float:
        """Return when the unit became active, in seconds since the epoch; 0 if it is not active."""
        return float(self._show(name)["ActiveEnterTimestamp"].removeprefix("@") or 0)

    def processes(self, name: str) -> list[int]:
        """Return the pids of the unit's processes, as the host numbers them."""
        group = self._show(name)["ControlGroup"].lstrip("/")
        return cgroups.processes(self._node.cgroup() / group) if group else []

    def names(self, pattern: str) -> list[str]:
        """Return the names of the loaded units that match a shell pattern."""
        listing = ["systemctl", "list-units", "--all", "--plain", "--no-legend"]
        lines = self._node.run([*listing, f"{pattern}.service"]).splitlines()
        return [line.split()[0].removesuffix(".service") for line in lines]

    def _runs_as_described(self, unit: Unit) -> bool:
        known = self._node.read(f"{MARKS}/{unit.name}")
        return self.state(unit.name) == "active" and known == self._mark(unit)

    def _mark(self, unit: Unit) -> str:
        """Return a hash of the unit's definition and files."""
        command = "\0".join(self._systemd_run(unit))
        return hashlib.sha256(command.encode()).hexdigest() + files.digest(unit.watched)

    def _release(self, name: str) -> None:
        """Move processes that outlive a stopped unit (the guests of libvirtd) into their own scope.
        Otherwise systemd would refuse to start another unit with this name."""
        pids = self._node.run(["sh", "-c", LEFT_BEHIND, "sh", name]).split()
        if pids:
            scope = f"{name}-{pids[0]}.scope"
            ask = [
                "busctl",
                "call",
                "org.freedesktop.systemd1",
                "/org/freedesktop/systemd1",
                "org.freedesktop.systemd1.Manager",
                "StartTransientUnit",
                "ssa(sv)a(sa(sv))",
            ]
            self._node.run([*ask, scope, "fail", "1", "PIDs", "au", str(len(pids)), *pids, "0"])

    def _show(self, name: str) -> dict[str, str]:
        """Return the properties of the unit. A job is a pending start or stop."""
        wanted = ",".join(PROPERTIES)
        show = ["systemctl", "show", "--timestamp=unix", f"--property={wanted}", name]
        lines = self._node.run(show).splitlines()
        return PROPERTIES | dict(line.split("=", 1) for line in lines)

    def _systemd_run(self, unit: Unit) -> list[str]:
        log = self._log(unit.name)
        properties = {
            "Type": "exec",
            "Restart": "on-failure",
            "RestartSec": "1",
            "StartLimitIntervalSec": "0",
            "StandardOutput": f"append:{log}",
            "StandardError": f"append:{log}",
            "LimitNOFILE": "65536",
            **unit.properties,
        }
        command = ["systemd-run", "--quiet", "--no-block", f"--unit={unit.name}"]
        command += [f"--property={key}={value}" for key, value in properties.items()]
        command += [f"--setenv={key}={value}" for key, value in unit.environment.items()]
        return [*command, "--", *unit.argv]

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _last_words(self, name: str, reason: str) -> str:
        log = self._log(name)
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        words = [line.strip() for line in lines[-3:] if line.strip()]
        return f"{shlex.quote(name)}: {reason}" + (f" ({' | '.join(words)})" if words else "")
