"""The machine on which the cloud runs: its units, its hypervisor, its switch, its files."""

from __future__ import annotations

import configparser
import contextlib
import json
import os
import pathlib
import subprocess
from collections.abc import Iterable

import libvirt

from tests.functional.harness.waiting import until

NAME = os.environ.get("NOVA_MINI_NODE", "")
STACK = pathlib.Path(os.environ.get("NOVA_MINI_STACK_DIR", "/"))
STATE = STACK / "data" / "nova-mini" / NAME
INSTANCES = STATE / "instances"
STARTED = pathlib.Path("/run/libvirt/qemu")  # where libvirtd notes each domain that it starts
DOMAIN_LOGS = pathlib.Path("/var/log/libvirt/qemu")  # begun before QEMU is started
CONNECTIONS = STATE / "connections"  # of the host to volumes, as its compute remembers them

DAEMONS = ("conductor", "scheduler", "api", "compute")
READY_SECONDS = 60

# What libvirt says of a domain, in the power states of the Compute API.
_POWER_STATES = {
    libvirt.VIR_DOMAIN_RUNNING: 1,
    libvirt.VIR_DOMAIN_PAUSED: 3,
    libvirt.VIR_DOMAIN_SHUTOFF: 4,
    libvirt.VIR_DOMAIN_CRASHED: 6,
}


def run(*argv: str, seconds: float = 60) -> str:
    """Run a command. Returns its output. Raises AssertionError with its errors when it fails."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout


def succeeds(*argv: str, seconds: float = 20) -> bool:
    try:
        return subprocess.run(argv, capture_output=True, timeout=seconds).returncode == 0
    except subprocess.TimeoutExpired:
        return False


# -- units ---------------------------------------------------------------------------------------


def unit(daemon: str) -> str:
    return f"nova-mini-{daemon}@{NAME}"


def log(daemon: str) -> pathlib.Path:
    return STACK / "logs" / f"{unit(daemon)}.log"


def main_pid(unit_name: str) -> int:
    """The main pid of a unit; 0 while it does not run."""
    return int(run("systemctl", "show", "--value", "--property=MainPID", unit_name))


def processes(unit_name: str) -> list[int]:
    """The pids of a unit."""
    group = run("systemctl", "show", "--value", "--property=ControlGroup", unit_name).strip()
    if not group:
        return []
    return [
        int(pid) for pid in pathlib.Path(f"/sys/fs/cgroup{group}/cgroup.procs").read_text().split()
    ]


def ceph_workers() -> set[int]:
    """The pids of the compute's processes that run Ceph's client library."""
    found = set()
    for pid in processes(unit("compute")):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if b"rbd_calls.py" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                found.add(pid)
    return found


def is_active(unit_name: str) -> bool:
    return succeeds("systemctl", "is-active", "--quiet", unit_name)


def kill(unit_name: str, *, signal: str = "KILL", whom: str = "all") -> None:
    """Kill a unit; with ``whom`` "main" not its children. systemd starts it again after a
    second."""
    run("systemctl", "kill", f"--kill-whom={whom}", f"--signal={signal}", unit_name)


def restart(*unit_names: str) -> None:
    run("systemctl", "restart", *unit_names, seconds=120)


def wait_active(*unit_names: str) -> None:
    """Wait until a unit is ready: all units of nova_mini have ``Type=notify``."""
    for name in unit_names:
        until(f"{name} is ready", lambda name=name: is_active(name), READY_SECONDS, 0.3)


def restart_daemons() -> None:
    units = [unit(daemon) for daemon in DAEMONS]
    restart(*units)
    wait_active(*units)


def set_environment(variables: dict[str, str]) -> None:
    """Set environment variables of all units that are started from now on."""
    run("systemctl", "set-environment", *(f"{name}={value}" for name, value in variables.items()))


def unset_environment(names: Iterable[str]) -> None:
    run("systemctl", "unset-environment", *names)


# -- configuration -------------------------------------------------------------------------------


def config(*files: str) -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(interpolation=None)
    assert parsed.read(["/etc/nova-mini/" + name for name in files]), files
    return parsed


def keyrings() -> list[pathlib.Path]:
    """The keyrings of the users of Ceph."""
    return list((STACK / "etc" / "ceph").glob("*.keyring"))


# -- hypervisor ----------------------------------------------------------------------------------


def domains() -> dict[str, int]:
    """uuid -> power state of every domain, read from libvirt."""
    connection = libvirt.open("qemu:///system")
    try:
        return {
            domain.UUIDString(): _POWER_STATES.get(domain.state()[0], 0)
            for domain in connection.listAllDomains()
        }
    finally:
        connection.close()


def domain_xml(uuid: str) -> str:
    return run("virsh", "dumpxml", uuid)


def qemu_pid(uuid: str) -> int:
    """The pid of the QEMU that runs this domain, from libvirt's pid file."""
    name = run("virsh", "domname", uuid).strip()
    return int((STARTED / f"{name}.pid").read_text())


def instance_directories() -> set[str]:
    """The directories of servers, and orphaned ones."""
    return {path.name for path in INSTANCES.glob("*-*-*-*-*")}


def servers_with_file(name: str) -> set[str]:
    """Uuids of the servers that have a file of this name in their folder."""
    return {path.parent.name for path in INSTANCES.glob(f"*-*-*-*-*/{name}")}


def unfinished_images() -> set[str]:
    base = INSTANCES / "_base"
    return {path.name for path in base.glob("*") if path.suffix in (".part", ".converted")}


# -- storage -------------------------------------------------------------------------------------


def secrets(usage: str) -> list[str]:
    """The names of libvirt's secrets for a ``usage`` ("iscsi", "ceph")."""
    lines = run("virsh", "--quiet", "secret-list").splitlines()
    pairs = (line.split()[1:3] for line in lines if line.strip())
    return [name for kind, name in pairs if kind == usage]


# -- network -------------------------------------------------------------------------------------


def switch_ports() -> dict[str, str]:
    """interface -> uuid of the server, for all ports of servers in Open vSwitch."""
    table = json.loads(
        run("ovs-vsctl", "--format=json", "--columns=name,external_ids", "list", "Interface")
    )
    found = {}
    for name, (_, pairs) in table["data"]:
        labels = dict(pairs)
        # As libvirt writes it where it plugs by itself, and as os-vif does.
        if owner := labels.get("vm-id") or labels.get("vm-uuid"):
            found[name] = owner
    return found


def taps() -> set[str]:
    return {path.name for path in pathlib.Path("/sys/class/net").glob("tap*")}
