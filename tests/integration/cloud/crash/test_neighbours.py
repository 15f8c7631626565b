"""A neighbour dies and comes back: what goes on waits for it, what runs goes on running."""

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


def _kill_during_a_build(neighbour: str, networks: str, cloud, boot) -> float:
    """When a compute has claimed the server and its domain is not there yet. Seconds until the
    server was ACTIVE, once the neighbour was back."""
    until("the API answers", cloud.is_answering, 60, 0.5)
    guest = boot(networks=networks, wait=None)
    until("the build is under way", lambda: _task(cloud, guest.id) in ("networking", "spawning"),
          30, 0.02)  # fmt: skip
    before = node.main_pid(neighbour)
    node.kill(neighbour)
    until(f"{neighbour} is back",
          lambda: node.main_pid(neighbour) not in (0, before) and node.is_active(neighbour),
          90, 0.3)  # fmt: skip
    back = time.monotonic()
    until("the API answers", cloud.is_answering, 60, 0.5)
    operations.BUILD.check(cloud, guest)
    oracle.assert_clean(cloud)
    return time.monotonic() - back


def test_rabbitmq_is_killed_during_a_build(cloud, boot, record):
    """What Neutron tells its agents in such a moment is lost: it must be made to say it again."""
    record("build", f"{RABBITMQ} killed", _kill_during_a_build(RABBITMQ, "auto", cloud, boot))


def test_mariadb_is_killed_during_a_build(cloud, boot, record):
    record("build", f"{MARIADB} killed", _kill_during_a_build(MARIADB, "auto", cloud, boot))


def test_libvirtd_hangs_and_is_killed(cloud, boot, record):
    """The service is down meanwhile; guests run on, and can be worked with again afterwards."""
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
    """When QEMU has started and waits, paused, for its port to be wired."""
    guest = boot(networks="auto", wait=None)
    until("the domain is there", lambda: node.domains().get(guest.id) == PAUSED, 30, 0.02)
    _signal_libvirtd("KILL")
    _assert_built(cloud, guest, record, "killed while QEMU waits")


def test_libvirtd_is_killed_while_it_starts_qemu(cloud, boot, record):
    """When there is no process of the domain yet: by itself libvirtd never gets over that."""
    libvirtd, started = node.main_pid(LIBVIRTD), set(node.STARTED.glob("*.xml"))
    guest = boot(networks="auto", wait=None)
    (note,) = until("it is noted", lambda: set(node.STARTED.glob("*.xml")) - started, 60, 0.001)
    os.kill(libvirtd, signal.SIGKILL)
    assert "pid='0'" in note.read_text(), "struck too late"
    _assert_built(cloud, guest, record, "killed while it starts QEMU")


def _assert_built(cloud, guest, record, fault: str) -> None:
    struck = time.monotonic()
    operations.BUILD.check(cloud, guest)
    oracle.assert_clean(cloud)
    record("build", f"{LIBVIRTD} {fault}", time.monotonic() - struck)


def _signal_libvirtd(signal: str) -> None:
    """To itself alone: its children are the guests."""
    node.kill(LIBVIRTD, signal=signal, whom="main")


def _task(cloud, server_id: str) -> str | None:
    rows = cloud.query("SELECT task_state FROM instances WHERE uuid = :uuid", uuid=server_id)
    return rows[0]["task_state"]


def _qemu(uuid: str) -> str:
    """The process of a guest, and when it began."""
    return node.run("pgrep", "-f", f"qemu-system.*-uuid {uuid}").strip()


def _state(cloud) -> str:
    services = cloud.admin.get("/os-services?binary=nova-compute")["services"]
    return services[0]["state"] if services else "none"
