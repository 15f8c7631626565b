"""Who else says that a host is dead, when its heartbeats are missing.

The heartbeats may be missing because a switch or the broker has failed. A witness that sees a sign
of life is believed; without any, one witness must see the host dead.
"""

from __future__ import annotations

import contextlib
import enum
import logging
import socket
from collections.abc import Collection, Mapping
from typing import Any

from nova_mini import exception
from nova_mini.conductor import ceph_client
from nova_mini.conf import CONF

LOG = logging.getLogger(__name__)

_PROBE_SECONDS = 3


class Verdict(enum.Enum):
    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"


def agree(node: Mapping[str, Any], server_uuids: Collection[str]) -> bool:
    """Whether the witnesses say that a host is dead. ``node``: its row; ``server_uuids``: its
    servers that have run, with a root disk that is no volume."""
    verdicts = {"its clients of Ceph": _ask_ceph(node, server_uuids), "a probe": _probe(node)}
    LOG.info(
        "Host %s: sends no heartbeats; %s",
        node["host"],
        ", ".join(f"{name}: {verdict.value}" for name, verdict in verdicts.items()),
    )
    return Verdict.ALIVE not in verdicts.values() and Verdict.DEAD in verdicts.values()


def _ask_ceph(node: Mapping[str, Any], server_uuids: Collection[str]) -> Verdict:
    """A host whose guests run has their disks open."""
    kind, _, rest = (node["disk_pool"] or "").partition(":")
    addresses = set(node["ceph_addresses"] or ())
    if kind != "rbd" or not (addresses and server_uuids and ceph_client.is_configured()):
        return Verdict.UNKNOWN
    disks = [f"{uuid}_disk" for uuid in server_uuids]
    try:
        clients = ceph_client.find_clients(rest.partition("/")[2], disks)
    except exception.CephUnavailable as exc:
        LOG.warning("Host %s: Ceph cannot be asked for its clients: %s", node["host"], exc)
        return Verdict.UNKNOWN
    return Verdict.ALIVE if clients & addresses else Verdict.DEAD


def _probe(node: Mapping[str, Any]) -> Verdict:
    """A refused connection is a sign of life, too."""
    port = CONF.conductor.witness_port
    if not port or not node["host_ip"]:
        return Verdict.UNKNOWN
    try:
        with contextlib.closing(
            socket.create_connection((node["host_ip"], port), timeout=_PROBE_SECONDS)
        ):
            return Verdict.ALIVE
    except ConnectionError:
        return Verdict.ALIVE
    except TimeoutError:
        return Verdict.DEAD
    except OSError as exc:  # the conductor's own network may be down
        LOG.warning("Host %s: could not be probed: %s", node["host"], exc)
        return Verdict.UNKNOWN
