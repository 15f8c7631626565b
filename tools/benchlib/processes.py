"""CPU time and memory of the services, which are found by systemd units or pid files."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
UNIT = re.compile(r"/([^/]+)\.service(?:/|$)", re.MULTILINE)
STACK_PREFIX = "nova-mini-stack-"  # the units of external services
PREFIXES = ("nova-mini-", "rabbitmq", "mariadb", "memcached")


def find(rundir: Path | None) -> dict[str, list[int]]:
    """Return the pids of each service now.

    With `rundir`, a service is a file NAME.pid there and the process tree below it; else it is a
    unit of tools/stack, in whatever namespace it runs.
    """
    return _by_pid_file(rundir) if rundir else _by_unit()


def cpu_seconds(services: dict[str, list[int]]) -> dict[str, float]:
    """Return the CPU seconds that the running processes of each service have used."""
    return {name: sum(map(_cpu, pids)) for name, pids in services.items()}


def memory(services: dict[str, list[int]]) -> dict[str, dict[str, float]]:
    """Return processes, threads, PSS and RSS (MiB) of each service. Needs root."""
    return {name: _memory(pids) for name, pids in sorted(services.items())}


def machine_busy_seconds() -> float:
    """Return the CPU seconds that this machine has used in total."""
    fields = [int(word) for word in Path("/proc/stat").read_text().split(None, 9)[1:9]]
    idle, iowait = fields[3:5]
    return (sum(fields) - idle - iowait) / TICKS


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _by_unit() -> dict[str, list[int]]:
    services: dict[str, list[int]] = {}
    for pid in _pids():
        units = UNIT.findall(_read(pid, "cgroup"))
        if units and units[-1].startswith(PREFIXES):  # the last: a node may lie in a unit itself
            services.setdefault(units[-1].removeprefix(STACK_PREFIX), []).append(pid)
    return services


def _by_pid_file(rundir: Path) -> dict[str, list[int]]:
    children: dict[int, list[int]] = {}
    for pid in _pids():
        if stat := _stat(pid):
            children.setdefault(int(stat[1]), []).append(pid)

    def tree(pid: int) -> list[int]:
        return [pid, *(found for child in children.get(pid, ()) for found in tree(child))]

    files = sorted(rundir.glob("*.pid"))
    return {file.stem: tree(int(file.read_text())) for file in files if file.read_text().strip()}


def _read(pid: int, name: str) -> str:
    """Return a file of a process; "" if the process has ended."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on."""
    return _read(pid, "stat").rpartition(")")[2].split()


def _cpu(pid: int) -> float:
    stat = _stat(pid)
    return (int(stat[11]) + int(stat[12])) / TICKS if stat else 0.0


def _memory(pids: list[int]) -> dict[str, float]:
    processes = threads = pss = rss = 0
    for pid in pids:
        sizes = dict(re.findall(r"^(Pss|Rss): +(\d+) kB", _read(pid, "smaps_rollup"), re.MULTILINE))
        if not sizes:
            continue
        processes += 1
        threads += int(_stat(pid)[17])
        pss += int(sizes["Pss"])
        rss += int(sizes["Rss"])
    return {
        "procs": processes,
        "threads": threads,
        "pss_mb": round(pss / 1024, 1),
        "rss_mb": round(rss / 1024, 1),
    }
