"""Fence a host that is down, so that its guests can be started on other hosts.

A host that sends no heartbeats may be dead. It may also be cut off, and still run its guests. Two
copies of one guest would destroy its data.
"""

from __future__ import annotations

import contextlib
import json
import logging
import subprocess
from collections.abc import Mapping
from typing import Any

from nova_mini import db, exception
from nova_mini.conductor import ceph_client, held_lease
from nova_mini.conf import CONF
from nova_mini.trace import traced

LOG = logging.getLogger(__name__)

_PATIENCE = 3.0  # seconds: Ceph's blocklist needs less, fence_command often more
_NO_COMMAND = "there is no fence_command"
_IN_USE = "its compute service is still in use"


@traced("fencing.fence")
def fence(host: str) -> None:
    """Ensure that a host which is down runs no guest that can write. Idempotent.

    ``fence_command`` runs first, then the host's clients of Ceph are put on the blocklist. One of
    both must succeed; the blocklist is enough if all disks of servers are in Ceph. Otherwise an
    administrator must have forced the service down: then it is his responsibility. Raises
    HostNotFenced, also when the host is not down; ActionInterrupted while another conductor fences
    it.
    """
    with _alone_with(host):
        _fence(host)


def _alone_with(host: str) -> contextlib.AbstractContextManager[None]:
    """Waits a little while another one fences the host or lifts its fence: the evacuations of all
    its servers begin at the same time, and the first one fences it. Raises ActionInterrupted."""
    return held_lease.hold(f"fence {host}", _PATIENCE, f"fences {host}")


def _fence(host: str) -> None:
    service = db.fences.get_service(host)
    if service is None:
        raise exception.HostNotFenced(host=host, reason="it has no compute service")
    if db.fences.is_fenced(service):
        return
    node = db.compute_nodes.get_by_host(host)
    addresses = (node["ceph_addresses"] if node else None) or []
    is_vouched_for = service["forced_down"]
    if not (is_vouched_for or CONF.conductor.fence_command or ceph_client.is_configured()):
        raise _not_fenced(host, _NO_COMMAND)
    incarnation = db.fences.begin(host, addresses if ceph_client.is_configured() else [])
    if incarnation is None:
        raise exception.HostNotFenced(host=host, reason=_IN_USE)
    ways, problems = _cut_off(host, node, addresses)
    if not ways:
        reason = "; ".join(problems)
        if not is_vouched_for:
            raise _not_fenced(host, reason)
        LOG.warning("Host %s: not fenced (%s). An administrator has forced it down.", host, reason)
        ways = ["an administrator has forced it down"]
    if not db.fences.finish(host, incarnation):
        _take_off_blocklist(host)
        raise exception.HostNotFenced(host=host, reason=_IN_USE)
    LOG.info("Host %s: fenced: %s", host, ", ".join(ways))


def _not_fenced(host: str, reason: str) -> exception.HostNotFenced:
    remedy = "Make sure that it runs no guests, force its service down, and evacuate again"
    return exception.HostNotFenced(host=host, reason=f"{reason}. {remedy}")


@traced("fencing._cut_off")
def _cut_off(
    host: str, node: Mapping[str, Any] | None, addresses: list[str]
) -> tuple[list[str], list[str]]:
    """Returns the ways that have cut the host off, and why others have not."""
    ways, problems = [], []
    if not CONF.conductor.fence_command:
        problems.append(_NO_COMMAND)
    elif problem := _run_command(host):
        problems.append(problem)
    else:
        ways.append("fence_command")
    if not ceph_client.is_configured():
        problems.append("fence_ceph_user is not set")
    elif not addresses:
        problems.append("it has reported no addresses of Ceph clients")
    else:
        try:
            ceph_client.add_to_blocklist(addresses)
        except exception.CephUnavailable as exc:
            problems.append(str(exc))
        else:
            if _is_all_in_ceph(host, node):
                ways.append("Ceph's blocklist")
            else:
                problems.append("it has disks outside of Ceph, which the blocklist does not stop")
    return ways, problems


def _is_all_in_ceph(host: str, node: Mapping[str, Any] | None) -> bool:
    """Whether all disks and volumes of the servers on a host are in Ceph."""
    if node is None or not (node["disk_pool"] or "").startswith("rbd:"):
        return False
    servers = db.hypervisors.get_servers([host]).get(host, [])
    volumes = db.block_device_mappings.get_by_instances([uuid for _, uuid in servers])
    connections = [json.loads(row["connection_info"] or "{}") for row in volumes]
    kinds = {each["driver_volume_type"] for each in connections if each}
    return kinds <= {"rbd"}


def _run_command(host: str) -> str | None:
    """Returns None, or why the command has failed."""
    command, seconds = CONF.conductor.fence_command, CONF.conductor.fence_timeout
    try:
        done = subprocess.run(
            [command, host], stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return f"fence_command did not end within {seconds} s"
    except OSError as exc:
        return f"fence_command could not be run: {exc.strerror}"
    if done.returncode == 0:
        return None
    output = (done.stderr or done.stdout).decode(errors="replace").strip()
    LOG.error("Host %s: fence_command has failed: %s", host, output[-1000:])
    return f"fence_command ended with status {done.returncode}"


def fence_destinations() -> None:
    """Fence destinations that died while a server was evacuated to them, and that an administrator
    has forced down. Their evacuations continue at other hosts then. A periodic task."""
    for host in db.fences.get_destinations_to_fence():
        try:
            fence(host)
        except exception.NovaException as exc:
            LOG.warning("Host %s: its evacuations wait: %s", host, exc)


def readmit(host: str, incarnation: str) -> bool:
    """Lift the fence of a host whose process has destroyed the guests that it has lost. False if
    that process was replaced, or the host was fenced again. Raises CephUnavailable,
    ActionInterrupted."""
    with _alone_with(host):
        return _readmit(host, incarnation)


def _readmit(host: str, incarnation: str) -> bool:
    service = db.fences.get_service(host)
    if service is None or service["incarnation"] != incarnation:
        return False
    if service["fence"] is None:
        return True
    _take_off_blocklist(host)
    if not db.fences.lift(host, incarnation):
        return False
    LOG.info("Host %s: back, its fence is lifted", host)
    return True


def _take_off_blocklist(host: str) -> None:
    service = db.fences.get_service(host)
    fence = service["fence"] if service else None
    if fence and fence["addresses"]:
        ceph_client.remove_from_blocklist(fence["addresses"])
