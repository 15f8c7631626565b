"""The cgroup that a node owns: its processes are found, counted and killed through it."""

import errno
import os
import time
from pathlib import Path

from stacklib.errors import StackError


def root() -> Path:
    """Return where the unified hierarchy (cgroup v2) is mounted."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, options, *_ = line.split()
        if kind == "cgroup2" and "rw" in options.split(","):
            return Path(where)
    raise StackError(
        "no writable cgroup v2 hierarchy is mounted; mount one with "
        "`mount -t cgroup2 cgroup2 /sys/fs/cgroup`, or run outside this container"
    )


def scope(machine: str) -> str:
    """Return the name of the scope that a systemd on the host delegates to a node."""
    return f"{machine}.scope"


def of_node(machine: str) -> Path:
    """Return the directory of the cgroup that holds everything the node runs."""
    if booted_with_systemd():
        return root() / "system.slice" / scope(machine) / "node"
    return root() / machine


def booted_with_systemd() -> bool:
    """Tell whether this machine's own PID 1 is systemd."""
    return Path("/run/systemd/system").is_dir()


def processes(directory: Path) -> list[int]:
    """Return the pids in a cgroup and below it, as this machine numbers them."""
    pids = set()
    for path, _, _ in os.walk(directory):  # ignores directories that disappear
        try:
            pids.update(map(int, Path(path, "cgroup.procs").read_text().split()))
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENODEV):
                raise
            # The unit has ended.
    return sorted(pids)


def remove(directory: Path) -> None:
    """Kill the remaining processes of the cgroup, then remove it and the cgroups below it."""
    if not directory.is_dir():
        return
    (directory / "cgroup.kill").write_text("1")
    deadline = time.monotonic() + 10
    while _is_populated(directory):
        if time.monotonic() > deadline:
            raise StackError(f"processes in {directory} do not end: {processes(directory)}")
        time.sleep(0.05)
    for path in sorted(directory.rglob("*"), key=lambda path: -len(path.parts)):
        if path.is_dir():
            path.rmdir()
    directory.rmdir()


def _is_populated(directory: Path) -> bool:
    """Whether a task is in the cgroup or below it: also a thread of a process whose first thread
    has ended, which `processes` does not see, and with which no cgroup can be removed."""
    return "populated 1\n" in (directory / "cgroup.events").read_text()
