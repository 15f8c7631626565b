"""Tell, of every component, whether it is well, since when, and what it costs."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from stacklib.components import ALL
from stacklib.errors import StackError, Unhealthy
from stacklib.stack import Stack


@dataclass
class Report:
    """One line of `stack status`. Memory is the proportional set size, in bytes."""

    component: str
    unit: str | None
    health: str
    pid: int | None
    memory: int
    uptime: float | None
    reason: str = ""


def collect(stack: Stack) -> list[Report]:
    """Return a report for the node and one per unit."""
    reports = []
    for name in stack.choices.components:
        component = ALL[name]
        units = component.units(stack)
        if not units and name != "node":
            continue  # something that is on the disk, and does not run
        health, reason = _health(stack, component)
        for unit in units:
            reports.append(_unit_report(stack, name, unit.name, health, reason))
        if name == "node":
            pid = stack.node.pid
            memory = _memory([pid]) if pid else 0
            reports.append(Report(name, None, health, pid, memory, _uptime(pid), reason))
    return reports


def as_json(reports: list[Report]) -> str:
    """Return the reports for programs."""
    healthy = all(report.health == "healthy" for report in reports)
    return json.dumps(
        {"healthy": healthy, "components": [asdict(report) for report in reports]}, indent=2
    )


def as_table(reports: list[Report]) -> str:
    """Return the reports for people."""
    rows = [("COMPONENT", "HEALTH", "PID", "MEMORY", "UP", "UNIT")]
    for report in reports:
        rows.append((
            report.component,
            report.health + (f" ({report.reason})" if report.reason else ""),
            str(report.pid or "-"),
            f"{report.memory / 2**20:.0f} MiB" if report.memory else "-",
            _duration(report.uptime),
            report.unit or "-",
        ))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    total = sum(report.memory for report in reports)
    return "\n".join([*lines, f"{total / 2**20:.0f} MiB in all"])


def _health(stack: Stack, component) -> tuple[str, str]:
    if not stack.node.pid:
        return "down", ""
    try:
        component.check(stack)
    except Unhealthy as trouble:
        return "unhealthy", trouble.reason
    except StackError as trouble:
        return "failed", trouble.reason
    return "healthy", ""


def _unit_report(stack: Stack, component: str, unit: str, health: str, reason: str) -> Report:
    if health == "down":
        return Report(component, unit, health, None, 0, None, reason)
    state = stack.units.state(unit)
    if state != "active":
        health, reason = ("failed" if state == "failed" else "down"), state
    pids = stack.units.processes(unit)
    pid = min(pids, key=_started) if pids else None
    return Report(component, unit, health, pid, _memory(pids), _uptime(pid), reason)


def _memory(pids: list[int]) -> int:
    """Return the bytes that the processes hold, shared pages counted once among their users."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def _started(pid: int) -> float:
    """Return when a process began, in seconds after the machine's boot."""
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
