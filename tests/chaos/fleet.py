"""The servers of a run."""

from __future__ import annotations

import itertools
import random
import threading
import uuid
from collections.abc import Callable
from concurrent import futures

from tests.chaos import operations
from tests.chaos.operations import Operation, Server
from tests.functional.harness.waiting import until

_PREFIX = "chaos-"  # of the names of all servers
SECONDS = 120  # timeout of operations without a fault

# The operation that brings an ACTIVE server into the initial status of another operation.
_WAY_TO = {
    "SHUTOFF": "stop",
    "PAUSED": "pause",
    "SUSPENDED": "suspend",
    "SHELVED_OFFLOADED": "shelve",
    "RESCUE": "rescue",
    "VERIFY_RESIZE": "migrate",
    "SOFT_DELETED": "soft delete",
}
# The operation that must be executed before another one.
_FIRST = {"detach volume": "attach volume", "detach interface": "attach interface"}


class Fleet:
    """Manages servers. A server is idle until it is taken, and idle again after
    :meth:`release`."""

    def __init__(self, site, rng: random.Random, known: list[Operation]):
        self._site = site
        self._rng = rng
        self.known = known
        self._idle: list[Server] = []
        self._lock = threading.Lock()
        self._hosts = itertools.cycle(site.hosts)

    # -- take and release ------------------------------------------------------------------------

    def new(self, host: str | None = None) -> Server:
        """A server that was not requested yet. Its name is unique, so that it can be found when
        the response is lost."""
        return Server(f"{_PREFIX}{uuid.uuid4().hex[:8]}", host or next(self._hosts))

    def take(self, operation: Operation, host: str | None = None) -> Server:
        """A server on ``host`` (None: any) that is ready for the operation: an idle one, or a new
        one."""
        if operation.begins is None:
            return self.new(host)
        server = self._take_idle(operation, host) or self._make(operation, host)
        self._provide(operation, server)
        return server

    def _take_idle(self, operation: Operation, host: str | None) -> Server | None:
        with self._lock:
            for server in self._idle:
                if operation.accepts(server) and host in (None, server.host):
                    self._idle.remove(server)
                    return server
        return None

    def _make(self, operation: Operation, host: str | None) -> Server:
        """The server is on ``host`` at last, so one that must be migrated first begins on another
        host."""
        is_migrated = _WAY_TO.get(operation.begins) == "migrate"
        server = self.new(self._other_than(host) if host and is_migrated else host)
        way = ("create", _WAY_TO.get(operation.begins), _FIRST.get(operation.name))
        for name in filter(None, way):
            self.do(operations.ALL[name], server)
        return server

    def _other_than(self, host: str) -> str:
        return next(each for each in self._site.hosts if each != host)

    def take_some(self, number: int) -> list[tuple[Operation, Server]]:
        """At most ``number`` idle servers, each with an operation that fits."""
        return [(self._choose(server, 1)[0], server) for server in self._take_any(number)]

    def take_for_concurrent(self, number: int) -> list[tuple[list[Operation], Server]]:
        """At most ``number`` idle servers, each with two or three operations that fit its current
        state."""
        taken = self._take_any(number, lambda server: server.status is not None)
        return [(self._choose(server, self._rng.choice((2, 3))), server) for server in taken]

    def _take_any(self, number: int, fits: Callable = lambda _: True) -> list[Server]:
        with self._lock:
            self._rng.shuffle(self._idle)
            taken = list(filter(fits, self._idle))[: max(number, 0)]
            self._idle = [server for server in self._idle if server not in taken]
        return taken

    def _choose(self, server: Server, number: int) -> list[Operation]:
        fitting = [each for each in self.known if each.accepts(server) and not each.takes_host]
        chosen = self._rng.choices(fitting, k=number)
        # An operation that changes volumes or ports is chosen only once: two of them could not be
        # distinguished from one.
        chosen = [
            each
            for place, each in enumerate(chosen)
            if not each.changes or each not in chosen[:place]
        ]
        for operation in chosen:
            self._provide(operation, server)
        return chosen

    def release(self, server: Server) -> None:
        self._locate(server)
        with self._lock:
            if any(each.accepts(server) and not each.takes_host for each in self.known):
                self._idle.append(server)
                return
        self.delete([server])

    def keep(self, number: int) -> None:
        """Create or delete idle servers until there are ``number``."""
        with self._lock:
            surplus = self._idle[number:]
            self._idle = self._idle[:number]
            missing = number - len(self._idle)
        self.delete(surplus)
        fresh = [self.new() for _ in range(missing)]
        with futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda server: self.do(operations.ALL["create"], server), fresh))
        with self._lock:
            self._idle += fresh

    def delete(self, servers: list[Server]) -> None:
        """Delete servers in any state, with their volumes, and wait until they are deleted."""
        for server in servers:
            if server.id:
                operations.delete(self._site, server)
        for server in servers:
            if server.id:
                self._site.user.wait_gone(server.id, SECONDS)
            if server.volume:
                self._site.delete_volume(server.volume)

    def end(self) -> None:
        """Delete all servers of the run, also those whose creation was not confirmed."""
        self.keep(0)
        left = self._site.user.get(f"/servers?name={_PREFIX}")["servers"]
        if self._site.keeps_deleted:
            kept = f"/servers?name={_PREFIX}&status=SOFT_DELETED&deleted=True"
            left += self._site.admin.get(kept)["servers"]
        self.delete([Server(each["name"], id=each["id"]) for each in left])

    # -- operations without a fault --------------------------------------------------------------

    def _provide(self, operation: Operation, server: Server) -> None:
        if operation.needs_volume and server.volume is None:
            server.volume = self._site.new_volume()

    def do(self, operation: Operation, server: Server) -> str:
        """Execute an operation, and wait for its success. Return the request ID."""
        self._provide(operation, server)
        response = operation.send(self._site, server)
        assert response.status_code in (200, 202, 204), response.text
        if operation.begins is None:
            server.id = response.json()["server"]["id"]
        request_id = response.headers["x-openstack-request-id"]
        if operation.ends is None:
            self._site.user.wait_gone(server.id, SECONDS)
            return request_id
        self._site.user.wait_for(server.id, operation.ends, SECONDS)
        adopt(operation, server)
        self._locate(server)
        until(
            f"{operation.name} is done",
            lambda: parts_are_right(self._site, server),
            SECONDS,
            self._site.pause,
        )
        return request_id

    def _locate(self, server: Server) -> None:
        """Note the host of a server that may have moved."""
        if server.id and server.status and len(self._site.hosts) > 1:
            found = self._site.admin.show(server.id)["OS-EXT-SRV-ATTR:host"]
            server.host = found or server.host  # a shelved server is on no host


def adopt(operation: Operation, server: Server) -> None:
    """Update the expected state of a server after a successful operation."""
    if operation.ends is None:
        server.is_gone()
        return
    server.status = operation.ends
    if operation.name == "create from volume":
        server.from_volume = True
    for name, change in operation.changes.items():
        setattr(server, name, getattr(server, name) + change)


def parts_are_right(site, server: Server) -> bool:
    """Whether the server has the expected volumes and ports."""
    if not site.has_parts:
        return True
    expected = "available"
    if server.attached:
        expected = "reserved" if server.status == "SHELVED_OFFLOADED" else "in-use"
    if server.volume and site.volume_status(server.volume) != expected:
        return False
    volumes = site.user.get(f"/servers/{server.id}/os-volume_attachments")["volumeAttachments"]
    ports = site.user.get(f"/servers/{server.id}/os-interface")["interfaceAttachments"]
    return (
        len(volumes) == server.attached + server.from_volume
        and len(ports) == server.ports + site.ports_at_birth
    )
