"""The health, age and memory of every component."""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from stacklib import tables
from stacklib.component import Component
from stacklib.components import ALL, further
from stacklib.errors import StackError, Unhealthy
from stacklib.fabric import CONTROL
from stacklib.stack import Stack


@dataclass
class Report:
    """One line of `stack status`. Memory is the proportional set size, in bytes."""

    node: str
    component: str
    unit: str | None
    health: str
    pid: int | None
    memory: int
    uptime: float | None
    reason: str = ""


def collect(stack: Stack, names: Iterable[str]) -> list[Report]:
    """Return a report for each of the nodes `names` and for each of their units."""
    return [
        report
        for name in names
        for component in _components(stack, name)
        for report in _reports(stack.on(name), component)
    ]


def as_json(reports: list[Report]) -> str:
    """Return the reports as JSON."""
    healthy = all(report.health == "healthy" for report in reports)
    return json.dumps(
        {"healthy": healthy, "components": [asdict(report) for report in reports]}, indent=2
    )


def as_table(reports: list[Report]) -> str:
    """Return the reports as a table."""
    rows = [("NODE", "COMPONENT", "HEALTH", "PID", "MEMORY", "UP", "UNIT")]
    for report in reports:
        rows.append(
            (
                report.node,
                report.component,
                report.health + (f" ({report.reason})" if report.reason else ""),
                str(report.pid or "-"),
                f"{report.memory / 2**20:.0f} MiB" if report.memory else "-",
                _duration(report.uptime),
                report.unit or "-",
            )
        )
    total = sum(report.memory for report in reports)
    return f"{tables.render(rows)}\n{total / 2**20:.0f} MiB in all"


def _components(stack: Stack, node: str) -> list[Component]:
    if node == CONTROL:
        return [ALL[name] for name in stack.choices.components]
    return further.parts(stack, node, stack.choices.components)


def _reports(stack: Stack, component: Component) -> list[Report]:
    """Return the reports of a component on the node of `stack`: none if it has no process."""
    units = component.units(stack)
    if not units and component.name != "node":
        return []
    health, reason = _health(stack, component)
    if not units:
        pid = stack.node.pid
        memory = _memory([pid]) if pid else 0
        age = _uptime(pid)
        return [Report(stack.node.name, component.name, None, health, pid, memory, age, reason)]
    return [_unit_report(stack, component.name, unit.name, health, reason) for unit in units]


def _health(stack: Stack, component) -> tuple[str, str]:
    if not stack.node.pid:
        return "down", ""
    if stack.node.is_frozen:
        return "frozen", ""
    try:
        component.check(stack)
    except Unhealthy as trouble:
        return "unhealthy", trouble.reason
    except StackError as trouble:
        return "failed", trouble.reason
    return "healthy", ""


def _unit_report(stack: Stack, component: str, unit: str, health: str, reason: str) -> Report:
    node = stack.node.name
    if health in ("down", "frozen"):  # it does not answer questions about its units
        return Report(node, component, unit, health, None, 0, None, reason)
    state = stack.units.state(unit)
    if state != "active":
        health, reason = ("failed" if state == "failed" else "down"), state
    pids = stack.units.processes(unit)
    pid = min(pids, key=_started) if pids else None
    return Report(node, component, unit, health, pid, _memory(pids), _uptime(pid), reason)


def _memory(pids: list[int]) -> int:
    """Return the memory of the processes in bytes. Shared pages are divided among their users."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def _started(pid: int) -> float:
    """Return the start time of a process, in seconds after the machine's boot."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return float("inf")
    return int(stat.rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")


def _uptime(pid: int | None) -> float | None:
    if not pid:
        return None
    return float(Path("/proc/uptime").read_text().split()[0]) - _started(pid)


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
