"""A node: systemd as PID 1 in namespaces of its own, on top of the machine's own root."""

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from stacklib import cgroups, command, fabric, files
from stacklib.errors import StackError

BOOT = Path(__file__).with_name("node_boot.sh")
BOOT_SECONDS = 30
HALT_SECONDS = 30
NAMESPACES = ("mount", "uts", "ipc", "net", "pid", "cgroup")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
POWER_OFF = signal.SIGRTMIN + 4  # how systemd as PID 1 is told to power off


class Node:
    """One machine of the cloud. Its root is an overlay: what it writes, the host never sees."""

    def __init__(self, stack: str, name: str, index: int, state: Path, shared: Sequence[Path]):
        self.name = name
        self._machine = f"{stack}-{name}"
        self.uuid = str(uuid.uuid5(uuid.NAMESPACE_DNS, self._machine))
        self._fabric = fabric.Fabric(stack)
        self.index = index
        self.address = fabric.address(index)
        self._base = state / "nodes" / name
        self._shared = shared

    @property
    def pid(self) -> int | None:
        """Return the pid of the node's systemd as the host numbers it, None when it is down."""
        mark = self._base / "pid"
        try:
            pid, started = mark.read_text().split()
        except FileNotFoundError:
            return None
        return int(pid) if _start_time(int(pid)) == started else None

    def up(self) -> bool:
        """Boot the node unless it runs; tell whether it had to be booted."""
        if self.pid:
            return False
        self._clear()
        self._fabric.ensure()
        self._fabric.plug(self.name, self._machine, self.index)
        for part in ("up", "work", "root"):
            files.directory(self._base / part, 0o755)
        self._boot()
        self._wait_for_systemd()
        return True

    def down(self, crash: bool = False) -> None:
        """Power the node off; with `crash`, as if its plug were pulled."""
        pid = self.pid
        if pid and not crash:
            os.kill(pid, POWER_OFF)
            deadline = time.monotonic() + HALT_SECONDS
            while self.pid and time.monotonic() < deadline:
                time.sleep(0.05)
        self._clear()

    def command(self, argv: Sequence[str]) -> list[str]:
        """Return the command that runs `argv` inside the node; run it in `environment()`."""
        pid = self.pid
        if not pid:
            raise StackError(f"node {self.name} is not running; start it with `tools/stack up`")
        return ["nsenter", f"--target={pid}", *(f"--{kind}" for kind in NAMESPACES), *argv]

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the variables that a command in the node starts with: few, and none of ours."""
        return {
            "PATH": PATH,
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "SYSTEMD_PAGER": "cat",
            "SYSTEMD_COLORS": "0",
            **(more or {}),
        }

    def run(self, argv: Sequence[str], timeout: float = 60) -> str:
        """Run `argv` in the node and return what it prints; raise StackError on failure."""
        return command.output(self.command(argv), timeout, env=self.environment())

    def logged(
        self,
        argv: Sequence[str],
        log: Path,
        timeout: float = 120,
        more: Mapping[str, str] | None = None,
    ) -> None:
        """Run `argv` in the node with its output in `log` and `more` in its environment."""
        command.logged(self.command(argv), log, timeout, env=self.environment(more))

    def remove(self) -> None:
        """Power the node off and remove the network that it was on."""
        self.down()
        self._fabric.remove()

    def path(self, path: str) -> Path:
        """Return where the host sees the node's file `path`."""
        return Path(f"/proc/{self.pid}/root{path}")

    def read(self, path: str) -> str | None:
        """Return the content of a file of the node, None when it is not there."""
        try:
            return self.path(path).read_text()
        except FileNotFoundError:
            return None

    def write(self, path: str, text: str, mode: int = 0o600) -> bool:
        """Write a file of the node; tell whether it changed."""
        return files.write(self.path(path), text, mode)

    def cgroup(self) -> Path:
        """Return the cgroup that holds all of the node's processes."""
        return cgroups.of_node(self._machine)

    def _boot(self) -> None:
        group = self.cgroup()
        if not cgroups.booted_with_systemd():
            group.mkdir(parents=True, exist_ok=True)
        environment = {
            "PATH": PATH,
            "NODE": self.name,
            "BASE": str(self._base),
            "NETNS": self._machine,
            "CGROUP": str(group),
            "ADDRESS": self.address,
            "UUID": self.uuid,
            "SHARED": "\n".join(str(directory) for directory in self._shared),
        }
        # --kill-child: should the supervisor die, the node goes with it instead of being orphaned.
        argv = ["unshare", "--mount", "--propagation=private", "--uts", "--ipc", "--pid", "--fork",
                "--kill-child=SIGKILL", "bash", str(BOOT)]
        with (self._base / "console.log").open("w") as console:
            self._supervisor = subprocess.Popen(
                _delegated(self._machine, group) + argv,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd="/",
            )

    def _wait_for_systemd(self) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < deadline:
            if self._supervisor.poll() is not None:
                break
            pid = self._pid_one()
            if pid:
                files.write(self._base / "pid", f"{pid} {_start_time(pid)}")
                if self._state() in ("running", "degraded"):
                    return
            time.sleep(0.05)
        console = self._base / "console.log"
        words = console.read_text(errors="replace").strip().splitlines()[-3:]
        raise StackError(f"node {self.name} did not boot: {' | '.join(words)}", console)

    def _pid_one(self) -> int | None:
        """Find systemd among the supervisor's descendants, once it has replaced the boot script."""
        for pid in cgroups.processes(self.cgroup()):
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except FileNotFoundError:
                continue
            fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
            if fields["Name"] == "systemd" and fields["NSpid"].split()[-1] == "1":
                return pid
        return None

    def _state(self) -> str:
        probe = self.command(["systemctl", "is-system-running"])
        asked = subprocess.run(
            probe, capture_output=True, text=True, timeout=10, env=self.environment()
        )
        return asked.stdout.strip()

    def _clear(self) -> None:
        """Remove what a node leaves in the kernel: its cgroup, its network namespace."""
        cgroups.remove(self.cgroup())
        fabric.unplug(self._machine)
        (self._base / "pid").unlink(missing_ok=True)


def _delegated(machine: str, group: Path) -> list[str]:
    """Where systemd rules the cgroups, ask it for a scope that it leaves to us."""
    if not cgroups.booted_with_systemd():
        return []
    enter = 'mkdir -p "$1" && shift && exec "$@"'
    return ["systemd-run", "--quiet", "--scope", "--collect", "--property=Delegate=yes",
            f"--unit={cgroups.scope(machine)}", "sh", "-c", enter, "sh", str(group)]


def _start_time(pid: int) -> str | None:
    """Return when a process began, which tells it from a later one with the same pid."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return None
