"""What a conductor asks Ceph when a host is down: its blocklist, and who has images open.

Clients on the blocklist can neither read nor write any more. An entry for an address,
``192.0.2.7:0/0``, holds for all clients of the host with this address: also for those of guests
that are frozen and go on later.
"""

from __future__ import annotations

import ipaddress
import json
import pathlib
import re
import subprocess
import sys
from collections.abc import Collection
from typing import Any

from nova_mini import exception
from nova_mini.conf import CONF

_PROGRAM = pathlib.Path(__file__).with_name("ceph_monitor.py")
_SECONDS = 30 * 24 * 3600.0  # the entry of a host that never returns ends then
_ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[0-9.]+):\d+/\d+")


def is_configured() -> bool:
    return bool(CONF.conductor.fence_ceph_user)


def add_to_blocklist(addresses: Collection[str]) -> None:
    """Idempotent. Returns when new requests of other clients see it. Raises CephUnavailable."""
    _run([{**_of("add", each), "expire": _SECONDS} for each in addresses])


def remove_from_blocklist(addresses: Collection[str]) -> None:
    """Idempotent. Raises CephUnavailable."""
    _run([_of("rm", each) for each in addresses])


def find_clients(pool: str, images: Collection[str]) -> set[str]:
    """The IP addresses of the hosts whose clients have one of these images open. Ceph forgets a
    client that died after half a minute. Raises CephUnavailable."""
    found = _run([], pool, images)
    return {match[1].strip("[]") for each in found if (match := _ADDRESS.search(each))}


def _of(operation: str, address: str) -> dict[str, Any]:
    ip = ipaddress.ip_address(address)
    text = f"[{ip}]" if ip.version == 6 else str(ip)
    return {"prefix": "osd blocklist", "blocklistop": operation, "addr": f"{text}:0/0"}


def _run(commands: list[dict[str, Any]], pool: str = "", images: Collection[str] = ()) -> list[str]:
    if not (commands or images):
        return []
    options = CONF.conductor
    request = {
        "user": options.fence_ceph_user,
        "conf": options.fence_ceph_conf,
        "seconds": options.fence_timeout,
        "commands": commands,
        "pool": pool,
        "images": list(images),
    }
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(_PROGRAM)],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=options.fence_timeout * 2,
        )
    except subprocess.TimeoutExpired as exc:
        raise exception.CephUnavailable(reason="it does not answer a conductor") from exc
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise exception.CephUnavailable(reason=lines[-1])
    return json.loads(done.stdout)
