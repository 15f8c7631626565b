"""The machine on which the tests run, as :class:`.machine.Machine` knows it, and more of it."""

from __future__ import annotations

import configparser
import contextlib
import os
import pathlib
from collections.abc import Iterable

from tests.integration.cloud.harness.machine import Machine

NAME = os.environ.get("NOVA_MINI_NODE", "")
STACK = pathlib.Path(os.environ.get("NOVA_MINI_STACK_DIR", "/"))
HERE = Machine(NAME, STACK)
STATE = HERE.state
INSTANCES = HERE.instances
STARTED = pathlib.Path("/run/libvirt/qemu")  # where libvirtd notes each domain that it starts
DOMAIN_LOGS = pathlib.Path("/var/log/libvirt/qemu")  # begun before QEMU is started
CONNECTIONS = HERE.connections

DAEMONS = ("conductor", "scheduler", "api", "compute")

run, succeeds = HERE.run, HERE.succeeds
unit, log = HERE.unit, HERE.log
main_pid, processes, is_active = HERE.main_pid, HERE.processes, HERE.is_active
kill, restart, wait_active = HERE.kill, HERE.restart, HERE.wait_active
domains, secrets = HERE.domains, HERE.secrets
instance_directories, servers_with_file = HERE.instance_directories, HERE.servers_with_file
unfinished_images = HERE.unfinished_images
switch_ports, taps = HERE.switch_ports, HERE.taps


def ceph_workers() -> set[int]:
    """The pids of the compute's processes that run Ceph's client library."""
    found = set()
    for pid in processes(unit("compute")):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if b"rbd_calls.py" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                found.add(pid)
    return found


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


def domain_xml(uuid: str) -> str:
    return run("virsh", "dumpxml", uuid)


def qemu_pid(uuid: str) -> int:
    """The pid of the QEMU that runs this domain, from libvirt's pid file."""
    name = run("virsh", "domname", uuid).strip()
    return int((STARTED / f"{name}.pid").read_text())
