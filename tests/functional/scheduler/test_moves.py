"""Concurrent claims of servers on the next host after their host failed."""

from __future__ import annotations

import threading
import uuid
from concurrent import futures

from nova_mini.db import allocations
from tests.unit.scheduler import cloud

_SERVERS = 200
_AT_ONCE = 2
_AMOUNTS = {"vcpus": 1, "memory_mb": 64, "local_gb": 1}


def _move_all(servers: list[str], hosts: tuple[str, str]) -> None:
    """Move the servers in several threads, which each move a server at the same time."""
    together = threading.Barrier(_AT_ONCE, timeout=30)

    def move(share: list[str], host: str) -> None:
        for server in share:
            together.wait()
            assert allocations.claim(server, host, _AMOUNTS)

    with futures.ThreadPoolExecutor(_AT_ONCE) as pool:
        shares = [servers[number::_AT_ONCE] for number in range(_AT_ONCE)]
        list(pool.map(move, shares, hosts))


def test_concurrent_moves_cause_no_deadlock(mariadb):
    """A deadlock would be raised here, because the test calls no function that retries."""
    for host in ("c1", "c2"):
        cloud.add_host(host, vcpus=2 * _SERVERS, memory_mb=64 * 1024, local_gb=5000)
    servers = sorted(str(uuid.uuid4()) for _ in range(_SERVERS))
    for server in servers:
        assert allocations.claim(server, "c2", _AMOUNTS)
    _move_all(servers, ("c1", "c1"))
    cloud.check_ledger()
    _move_all(servers, ("c2", "c2"))
    _move_all(servers[::2], ("c1", "c1"))
    crossing = [each for pair in zip(servers[::2], servers[1::2], strict=True) for each in pair]
    _move_all(crossing, ("c2", "c1"))
    cloud.check_ledger()
    held = {row["consumer_uuid"]: row["host"] for row in allocations.get_many(servers)}
    assert [held[server] for server in crossing] == ["c2", "c1"] * (_SERVERS // 2)
