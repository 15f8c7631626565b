"""The two clouds that are compared. Each runs alone, in its own namespaces."""

import json
import os
import sys
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchlib import children

TOOLS = Path(__file__).parents[1]
COMPUTES = 2  # what the peer's up.sh starts
PHASES = "single,actions,moves,burst,show,list,delete"
MILLISECONDS = 1000
MICROSECONDS = 1_000_000
STARTED, READY = "ExecMainStartTimestampMonotonic", "ActiveEnterTimestampMonotonic"
DAEMONS = "'nova-mini-*@*'"
# The restart waits until all daemons are ready.
RESTART = f"systemctl restart {DAEMONS} && systemctl show -p Id,{STARTED},{READY} {DAEMONS}"


class Peer:
    """Another Compute service. `source` has `setup.sh DIR`, which writes install.sh, up.sh,
    down.sh, clone_servers.py and openrc to DIR. The pid files of its services are run/NAME.pid."""

    def __init__(self, source: Path, home: Path):
        self._source = source
        self._home = home

    def prepare(self) -> None:
        """Install it, unless that was done before."""
        done = self._home / "installed"
        if done.exists():
            return
        children.run([self._source / "setup.sh", self._home])
        children.run([self._home / "install.sh"])
        done.touch()

    def measure(self, workload: Sequence[str], servers: int, results: Path) -> dict[str, Any]:
        """Start it, run the phases, stop it. It has its own loopback interface. It runs in a pid
        namespace whose first process is our child, so it ends when this program ends."""
        alone = ["setpriv", "--pdeathsig=KILL"]
        alone += ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
        script = Path(__file__).with_name("peer.sh")
        bench = [sys.executable, TOOLS / "bench", *workload]
        children.run([*alone, script, self._home, servers, results, *bench])
        parts = [json.loads(path.read_text()) for path in sorted(results.glob("?-*.json"))]
        cold = json.loads((results / "coldstart.json").read_text())
        ready = {name: ms / MILLISECONDS for name, ms in cold.items() if name.startswith("nova")}
        phases = [phase for part in parts for phase in part["results"]]
        return {**parts[0], "results": phases, "ready_s": ready}


class Stack:
    """nova_mini in its own stack, so that other stacks are not affected."""

    def __init__(self, name: str):
        self._environment = {"NOVA_MINI_STACK": os.environ.get("NOVA_MINI_STACK", name)}

    def prepare(self) -> None:
        """Nothing: the stack installs what it needs when it comes up."""

    def measure(self, workload: Sequence[str], servers: int, results: Path) -> dict[str, Any]:
        """Start it, run the phases, stop it."""
        document, units = results / "document.json", results / "units"
        bench = [sys.executable, TOOLS / "bench", *workload, "--label=nova_mini"]
        phases = f"--phases={PHASES},fill,list,delete"
        with self._up():
            self._stack("exec", "sh", "-c", RESTART, output=units)
            # Only an administrator may migrate servers.
            admin = ("env", "OS_CLOUD=admin")
            self._stack("exec", *admin, *bench, phases, f"--fill={servers}", output=document)
        return {**json.loads(document.read_text()), "ready_s": ready(units.read_text())}

    @contextmanager
    def _up(self):
        try:
            self._stack("up", "--virt-driver=fake", f"--computes={COMPUTES}")
            yield
        finally:
            self._stack("down")

    def _stack(self, *words: object, output: Path | None = None) -> None:
        children.run([TOOLS / "stack", *words], self._environment, output)


def ready(shown: str) -> dict[str, float]:
    """Return the seconds from start to readiness of each service, from systemd's output."""
    found = {}
    for block in shown.strip().split("\n\n"):
        unit = dict(line.split("=", 1) for line in block.splitlines())
        took = int(unit[READY]) - int(unit[STARTED])
        found[unit["Id"].partition("@")[0]] = round(took / MICROSECONDS, 2)
    return found
