"""A node: systemd as PID 1 in its own namespaces, with an overlay of the machine's root."""

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from stacklib import cgroups, command, fabric, files, namespaces
from stacklib.errors import StackError

BOOT = Path(__file__).with_name("node_boot.sh")
BOOT_SECONDS = 30
HALT_SECONDS = 30
FREEZE_SECONDS = 10
NAMESPACES = ("mount", "uts", "ipc", "net", "pid", "cgroup")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
POWER_OFF = signal.SIGRTMIN + 4  # the signal that makes systemd power off


class Node:
    """One machine of the cloud. Its root is an overlay: it does not change files of the host."""

    def __init__(
        self,
        stack: str,
        name: str,
        base: Path,
        shared: Mapping[Path, Path],
        hidden: Path | None = None,
    ):
        """`base`: the directory of the node. `shared`: a directory in the node -> the directory of
        the machine that is mounted there. Nothing else of `hidden` is visible in the node."""
        self.name = name
        self._machine = f"{stack}-{name}"
        self.uuid = str(uuid.uuid5(uuid.NAMESPACE_DNS, self._machine))
        self._fabric = fabric.Fabric(stack)
        self.address = fabric.address(name)
        self._base = base
        self._shared = shared
        self._hidden = hidden

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
        """Boot the node unless it is running; return whether it was booted. A running node gets
        what it lacks: it is thawed, joined to the network, and gets the shared directories."""
        if self.pid:
            self.unfreeze()
            self._plug()
            self.share()
            return False
        self._clear()
        self._plug()
        for part in ("up", "work", "root"):
            files.directory(self._base / part, 0o755)
        self._boot()
        self._wait_for_systemd()
        return True

    def down(self) -> None:
        """Power the node off."""
        pid = self.pid
        if pid:
            self.unfreeze()
            os.kill(pid, POWER_OFF)
            deadline = time.monotonic() + HALT_SECONDS
            while self.pid and time.monotonic() < deadline:
                time.sleep(0.05)
        self._clear()

    def crash(self) -> None:
        """Cut the node off, then kill all its processes at once: no other node hears of it."""
        if self.pid:
            self.cut()
        self._clear()

    def freeze(self) -> None:
        """Stop all processes of the node until `unfreeze`. Its network still accepts packets."""
        self._set_frozen(True)

    def unfreeze(self) -> None:
        """Let the processes of a frozen node run on."""
        self._set_frozen(False)

    @property
    def is_frozen(self) -> bool:
        """Whether the node is frozen."""
        try:
            return (self.cgroup() / "cgroup.freeze").read_text().strip() == "1"
        except FileNotFoundError:
            return False

    def cut(self) -> None:
        """Disconnect the node from the other nodes and from the machine."""
        self._fabric.cut(self.name)

    def join(self) -> None:
        """Connect the node again."""
        self._fabric.join(self.name)

    @property
    def is_cut(self) -> bool:
        """Whether the node has no network."""
        return self._fabric.is_cut(self.name)

    def share(self) -> None:
        """Mount the shared directories that a running node does not have: it may have been started
        from another checkout."""
        for inside, outside in self._shared.items():
            if not self._has(inside, outside):
                namespaces.bind(self.pid, outside, inside)

    def command(self, argv: Sequence[str]) -> list[str]:
        """Return the command that runs `argv` inside the node. It needs `environment()`."""
        pid = self.pid
        if not pid:
            raise StackError(f"node {self.name} is not running; start it with `tools/stack up`")
        return ["nsenter", f"--target={pid}", *(f"--{kind}" for kind in NAMESPACES), *argv]

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the variables of a command in the node: few, and none of this process."""
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

    def path(self, path: str) -> Path:
        """Return the path of the node's file `path` on the host."""
        return Path(f"/proc/{self.pid}/root{path}")

    def read(self, path: str) -> str | None:
        """Return the content of a file of the node, None if it does not exist."""
        try:
            return self.path(path).read_text()
        except FileNotFoundError:
            return None

    def write(self, path: str, text: str, mode: int = 0o600) -> bool:
        """Write a file of the node; return whether it changed."""
        return files.write(self.path(path), text, mode)

    def cgroup(self) -> Path:
        """Return the cgroup that holds all of the node's processes."""
        return cgroups.of_node(self._machine)

    def _plug(self) -> None:
        self._fabric.ensure()
        self._fabric.plug(self.name, self._machine)

    def _has(self, inside: Path, outside: Path) -> bool:
        """Whether a directory of the machine is mounted in the node."""
        path = self.path(str(inside))
        return path.exists() and path.samefile(outside)

    def _set_frozen(self, frozen: bool) -> None:
        """Freeze or thaw the node, and wait until the kernel has done it."""
        group = self.cgroup()
        if self.is_frozen == frozen or not group.exists():
            return
        (group / "cgroup.freeze").write_text(str(int(frozen)))
        deadline = time.monotonic() + FREEZE_SECONDS
        while f"frozen {int(frozen)}\n" not in (group / "cgroup.events").read_text():
            if time.monotonic() > deadline:
                raise StackError(f"node {self.name}: the kernel does not change its freezer")
            time.sleep(0.02)

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
            "UUID": self.uuid,
            "HIDDEN": str(self._hidden or ""),
            "SHARED": "\n".join(f"{outside}\t{inside}" for inside, outside in self._shared.items()),
        }
        # --kill-child: if the supervisor dies, the node is killed too.
        argv = [
            "unshare",
            "--mount",
            "--propagation=private",
            "--uts",
            "--ipc",
            "--pid",
            "--fork",
            "--kill-child=SIGKILL",
            "bash",
            str(BOOT),
        ]
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
        done = subprocess.run(
            probe, capture_output=True, text=True, timeout=10, env=self.environment()
        )
        return done.stdout.strip()

    def _clear(self) -> None:
        """Remove the cgroup and the network namespace of the node."""
        cgroups.remove(self.cgroup())
        self._fabric.unplug(self.name, self._machine)
        (self._base / "pid").unlink(missing_ok=True)


def _delegated(machine: str, group: Path) -> list[str]:
    """Return a command prefix: on a machine with systemd, it runs the node in a delegated scope."""
    if not cgroups.booted_with_systemd():
        return []
    enter = 'mkdir -p "$1" && shift && exec "$@"'
    return [
        "systemd-run",
        "--quiet",
        "--scope",
        "--collect",
        "--property=Delegate=yes",
        f"--unit={cgroups.scope(machine)}",
        "sh",
        "-c",
        enter,
        "sh",
        str(group),
    ]


def _start_time(pid: int) -> str | None:
    """Return the start time of a process, which distinguishes it from a later one with the same
    pid."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return None
