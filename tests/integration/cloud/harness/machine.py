"""A machine of the cloud: its units, its hypervisor, its switch, its files."""

from __future__ import annotations

import json
import pathlib
import subprocess
from collections.abc import Sequence

import libvirt

from tests.functional.harness.waiting import until

READY_SECONDS = 60

# What libvirt says of a domain, in the power states of the Compute API.
_POWER_STATES = {
    libvirt.VIR_DOMAIN_RUNNING: 1,
    libvirt.VIR_DOMAIN_PAUSED: 3,
    libvirt.VIR_DOMAIN_SHUTOFF: 4,
    libvirt.VIR_DOMAIN_CRASHED: 6,
}


class Machine:
    """The machine on which this process runs. ``home``: the stack's directory of this machine.
    ``address``: where its services listen."""

    address = "127.0.0.1"

    def __init__(self, name: str, home: pathlib.Path):
        self.name = name
        self.home = home
        self.state = home / "data" / "nova-mini" / name
        self.instances = self.state / "instances"
        # The connections of the host to volumes, as its compute remembers them.
        self.connections = self.state / "connections"

    # -- access ----------------------------------------------------------------------------------

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command that runs ``argv`` on the machine."""
        return list(argv)

    def path(self, path: str) -> pathlib.Path:
        """Where this process finds a file of the machine that is not in ``home``."""
        return pathlib.Path(path)

    @property
    def libvirt_uri(self) -> str:
        return "qemu:///system"

    def run(self, *argv: str, seconds: float = 60) -> str:
        """Run a command. Returns its output. Raises AssertionError with its errors when it
        fails."""
        command = self.command(argv)
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
        assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout

    def succeeds(self, *argv: str, seconds: float = 20) -> bool:
        try:
            done = subprocess.run(self.command(argv), capture_output=True, timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    # -- units -----------------------------------------------------------------------------------

    def unit(self, daemon: str) -> str:
        return f"nova-mini-{daemon}@{self.name}"

    def log(self, daemon: str) -> pathlib.Path:
        return self.home / "logs" / f"{self.unit(daemon)}.log"

    def main_pid(self, unit_name: str) -> int:
        """The main pid of a unit; 0 while it does not run."""
        shown = self.run("systemctl", "show", "--value", "--property=MainPID", unit_name)
        return int(shown)

    def processes(self, unit_name: str) -> list[int]:
        """The pids of a unit."""
        shown = self.run("systemctl", "show", "--value", "--property=ControlGroup", unit_name)
        if not (group := shown.strip()):
            return []
        return [int(pid) for pid in self.run("cat", f"/sys/fs/cgroup{group}/cgroup.procs").split()]

    def is_active(self, unit_name: str) -> bool:
        return self.succeeds("systemctl", "is-active", "--quiet", unit_name)

    def kill(self, unit_name: str, *, signal: str = "KILL", whom: str = "all") -> None:
        """Kill a unit; with ``whom`` "main" not its children. systemd starts it again after a
        second."""
        self.run("systemctl", "kill", f"--kill-whom={whom}", f"--signal={signal}", unit_name)

    def restart(self, *unit_names: str) -> None:
        self.run("systemctl", "restart", *unit_names, seconds=120)

    def wait_active(self, *unit_names: str) -> None:
        """Wait until a unit is ready: all units of nova_mini have ``Type=notify``."""
        for name in unit_names:
            until(f"{name} is ready", lambda name=name: self.is_active(name), READY_SECONDS, 0.3)

    # -- hypervisor ------------------------------------------------------------------------------

    def domains(self) -> dict[str, int]:
        """uuid -> power state of every domain, read from libvirt."""
        connection = libvirt.open(self.libvirt_uri)
        try:
            return {
                domain.UUIDString(): _POWER_STATES.get(domain.state()[0], 0)
                for domain in connection.listAllDomains()
            }
        finally:
            connection.close()

    def instance_directories(self) -> set[str]:
        """The directories of servers, and orphaned ones."""
        return {path.name for path in self.instances.glob("*-*-*-*-*")}

    def servers_with_file(self, name: str) -> set[str]:
        """Uuids of the servers that have a file of this name in their folder."""
        return {path.parent.name for path in self.instances.glob(f"*-*-*-*-*/{name}")}

    def unfinished_images(self) -> set[str]:
        found = (self.instances / "_base").glob("*")
        return {path.name for path in found if path.suffix in (".part", ".converted")}

    def secrets(self, usage: str) -> list[str]:
        """The names of libvirt's secrets for a ``usage`` ("iscsi", "ceph", "volume")."""
        lines = self.run("virsh", "--quiet", "secret-list").splitlines()
        pairs = (line.split()[1:3] for line in lines if line.strip())
        return [name for kind, name in pairs if kind == usage]

    # -- network ---------------------------------------------------------------------------------

    def switch_ports(self) -> dict[str, str]:
        """interface -> uuid of the server, for all ports of servers in Open vSwitch."""
        columns = ("--format=json", "--columns=name,external_ids")
        table = json.loads(self.run("ovs-vsctl", *columns, "list", "Interface"))
        found = {}
        for name, (_, pairs) in table["data"]:
            labels = dict(pairs)
            # As libvirt writes it where it plugs by itself, and as os-vif does.
            if owner := labels.get("vm-id") or labels.get("vm-uuid"):
                found[name] = owner
        return found

    def taps(self) -> set[str]:
        names = self.run("ls", "/sys/class/net").split()
        return {name for name in names if name.startswith("tap")}
