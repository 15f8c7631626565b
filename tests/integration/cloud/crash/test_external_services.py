"""An external service dies and returns: operations wait for it, and guests continue to run."""

from __future__ import annotations

import os
import signal
import time

from tests.functional.harness.waiting import until
from tests.integration.cloud.crash import operations
from tests.integration.cloud.harness import node, oracle

RABBITMQ = "nova-mini-stack-rabbitmq"
MARIADB = "nova-mini-stack-mariadb"
LIBVIRTD = "nova-mini-stack-libvirtd"

PAUSED = 3


def _kill_during_a_build(service: str, networks: str, cloud, boot) -> float:
    """Kill a service when a compute has claimed the build and has not defined the domain yet.
    Returns the seconds from the return of the service until the server was ACTIVE."""
    until("the API answers", cloud.is_answering, 60, 0.5)
    guest = boot(networks=networks, wait=None)
    until(
        "the build is under way",
        lambda: _task(cloud, guest.id) in ("networking", "spawning"),
        30,
        0.02,
    )
    before = node.main_pid(service)
    node.kill(service)
    until(
        f"{service} is back",
        lambda: node.main_pid(service) not in (0, before) and node.is_active(service),
        90,
        0.3,
    )
    back = time.monotonic()
    until("the API answers", cloud.is_answering, 60, 0.5)
    operations.BUILD.check(cloud, guest)
    oracle.assert_clean(cloud)
    return time.monotonic() - back


def test_rabbitmq_is_killed_during_a_build(cloud, boot, record):
    """Messages from Neutron to its agents are lost, and Neutron must be made to send them again."""
    record("build", f"{RABBITMQ} killed", _kill_during_a_build(RABBITMQ, "auto", cloud, boot))


def test_mariadb_is_killed_during_a_build(cloud, boot, record):
    record("build", f"{MARIADB} killed", _kill_during_a_build(MARIADB, "auto", cloud, boot))


def test_libvirtd_hangs_and_is_killed(cloud, boot, record):
    """The host counts as down meanwhile; the guests continue to run, and can be used afterwards."""
    guest = boot()
    before = _qemu(guest.id)
    _signal_libvirtd("STOP")
    try:
        until("the service is down", lambda: _state(cloud) == "down", 120, 0.5)
    finally:
        _signal_libvirtd("KILL")
    until("libvirtd is back", lambda: node.is_active(LIBVIRTD), 30, 0.3)
    back = time.monotonic()
    until("the service is up", lambda: _state(cloud) == "up", 60, 0.5)
    record("-", f"{LIBVIRTD} hung and killed", time.monotonic() - back)
    assert _qemu(guest.id) == before
    guest.act("reboot", {"type": "HARD"}, "ACTIVE")
    other = boot()
    assert {guest.id, other.id} <= node.domains().keys()


def test_libvirtd_is_killed_while_qemu_waits(cloud, boot, record):
    """QEMU has started, and is paused until its port is wired."""
    guest = boot(networks="auto", wait=None)
    until("the domain is there", lambda: node.domains().get(guest.id) == PAUSED, 30, 0.02)
    _signal_libvirtd("KILL")
    _assert_built(cloud, guest, record, "killed while QEMU waits")


def test_libvirtd_is_killed_while_it_starts_qemu(cloud, boot, record):
    """The log of the domain exists, but not its process."""
    libvirtd, logs = node.main_pid(LIBVIRTD), set(node.DOMAIN_LOGS.glob("*.log"))
    started = set(node.STARTED.glob("*.xml"))
    guest = boot(networks="auto", wait=None)
    until("its log is begun", lambda: set(node.DOMAIN_LOGS.glob("*.log")) - logs, 60, 0.001)
    os.kill(libvirtd, signal.SIGKILL)
    assert set(node.STARTED.glob("*.xml")) == started, "struck too late"
    _assert_built(cloud, guest, record, "killed while it starts QEMU")


def _assert_built(cloud, guest, record, fault: str) -> None:
    struck = time.monotonic()
    operations.BUILD.check(cloud, guest)
    oracle.assert_clean(cloud)
    record("build", f"{LIBVIRTD} {fault}", time.monotonic() - struck)


def _signal_libvirtd(signal: str) -> None:
    """Send the signal only to libvirtd, because its children are the guests."""
    node.kill(LIBVIRTD, signal=signal, whom="main")


def _task(cloud, server_id: str) -> str | None:
    rows = cloud.query("SELECT task_state FROM instances WHERE uuid = :uuid", uuid=server_id)
    return rows[0]["task_state"]


def _qemu(uuid: str) -> str:
    """(pid, start time) of the process of a guest."""
    return node.run("pgrep", "-f", f"qemu-system.*-uuid {uuid}").strip()


def _state(cloud) -> str:
    services = cloud.admin.get("/os-services?binary=nova-compute")["services"]
    return services[0]["state"] if services else "none"
