"""The servers of a run: idle ones that wait for an operation that fits them."""

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
SECONDS = 120  # for what happens without any fault

# How an ACTIVE server gets the status that an operation begins with.
_WAY_TO = {"SHUTOFF": "stop", "PAUSED": "pause", "SUSPENDED": "suspend",
           "SHELVED_OFFLOADED": "shelve"}  # fmt: skip
# What an operation takes away must have been given.
_FIRST = {"detach volume": "attach volume", "detach interface": "attach interface"}


class Fleet:
    """Servers are *idle* until :meth:`take` gives them away, and again after :meth:`put_back`."""

    def __init__(self, site, rng: random.Random, known: list[Operation]):
        self._site = site
        self._rng = rng
        self.known = known
        self._idle: list[Server] = []
        self._lock = threading.Lock()
        self._hosts = itertools.cycle(site.hosts)

    # -- servers come and go ---------------------------------------------------------------------

    def new(self, host: str | None = None) -> Server:
        """One that nobody has asked for yet; its name finds it when an answer is lost."""
        return Server(f"{_PREFIX}{uuid.uuid4().hex[:8]}", host or next(self._hosts))

    def take(self, operation: Operation, host: str | None = None) -> Server:
        """A server on ``host`` (or any) to which the operation may be done: an idle one, or one
        that is made for it."""
        if operation.begins is None:
            return self.new(host)
        server = self._take_idle(operation, host) or self._make(operation, host)
        self._provide(operation, server)
        return server

    def _take_idle(self, operation: Operation, host: str | None) -> Server | None:
        with self._lock:
            for server in self._idle:
                if operation.may_be_asked_of(server) and host in (None, server.host):
                    self._idle.remove(server)
                    return server
        return None

    def _make(self, operation: Operation, host: str | None) -> Server:
        server = self.new(host)
        way = ("create", _WAY_TO.get(operation.begins), _FIRST.get(operation.name))
        for name in filter(None, way):
            self.do(operations.ALL[name], server)
        return server

    def some(self, number: int) -> list[tuple[Operation, Server]]:
        """As many idle servers, each with an operation that fits it; fewer when there are fewer."""
        return [(self._choose(server, 1)[0], server) for server in self._take_any(number)]

    def crowds(self, number: int) -> list[tuple[list[Operation], Server]]:
        """The same with up to three operations for each, of which each fits it as it is now."""
        taken = self._take_any(number, lambda server: server.status is not None)
        return [(self._choose(server, self._rng.choice((2, 3))), server) for server in taken]

    def _take_any(self, number: int, fits: Callable = lambda _: True) -> list[Server]:
        with self._lock:
            self._rng.shuffle(self._idle)
            taken = list(filter(fits, self._idle))[: max(number, 0)]
            self._idle = [server for server in self._idle if server not in taken]
        return taken

    def _choose(self, server: Server, number: int) -> list[Operation]:
        fitting = [each for each in self.known if each.may_be_asked_of(server)]
        chosen = self._rng.choices(fitting, k=number)
        # What two of them have changed of its parts is not to be told from what one has.
        chosen = [each for place, each in enumerate(chosen)
                  if not each.changes or each not in chosen[:place]]  # fmt: skip
        for operation in chosen:
            self._provide(operation, server)
        return chosen

    def put_back(self, server: Server) -> None:
        with self._lock:
            if any(each.may_be_asked_of(server) for each in self.known):
                self._idle.append(server)
                return
        self.delete([server])

    def keep(self, number: int) -> None:
        """Have as many idle servers, by making some or deleting some."""
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
        """For good, whatever state they are in."""
        for server in servers:
            if server.id:
                self._site.user.request("DELETE", f"/servers/{server.id}")
        for server in servers:
            if server.id:
                self._site.user.wait_gone(server.id, SECONDS)
            if server.volume:
                self._site.delete_volume(server.volume)

    def end(self) -> None:
        """Delete all of them, also those of which nobody knows what became."""
        self.keep(0)
        left = self._site.user.get(f"/servers?name={_PREFIX}")["servers"]
        self.delete([Server(each["name"], id=each["id"]) for each in left])

    # -- what is done to them without a fault ------------------------------------------------------

    def _provide(self, operation: Operation, server: Server) -> None:
        if operation.needs_volume and server.volume is None:
            server.volume = self._site.new_volume()

    def do(self, operation: Operation, server: Server) -> str:
        """Ask and wait for the end, which is as asked. Returns the id of the request."""
        self._provide(operation, server)
        answer = operation.ask(self._site, server)
        assert answer.status_code in (200, 202, 204), answer.text
        if operation.begins is None:
            server.id = answer.json()["server"]["id"]
        request_id = answer.headers["x-openstack-request-id"]
        if operation.ends is None:
            self._site.user.wait_gone(server.id, SECONDS)
            return request_id
        self._site.user.wait_for(server.id, operation.ends, SECONDS)
        adopt(operation, server)
        until(f"{operation.name} is done", lambda: parts_are_right(self._site, server), SECONDS,
              self._site.pause)  # fmt: skip
        return request_id


def adopt(operation: Operation, server: Server) -> None:
    """The operation was done: that is what the server is like now."""
    if operation.ends is None:
        server.is_gone()
        return
    server.status = operation.ends
    if operation.name == "create from volume":
        server.from_volume = True
    for name, change in operation.changes.items():
        setattr(server, name, getattr(server, name) + change)


def parts_are_right(site, server: Server) -> bool:
    """Whether it has the volumes and ports that it should have."""
    if not site.has_parts:
        return True
    wanted = "available"
    if server.attached:
        wanted = "reserved" if server.status == "SHELVED_OFFLOADED" else "in-use"
    if server.volume and site.volume_status(server.volume) != wanted:
        return False
    volumes = site.user.get(f"/servers/{server.id}/os-volume_attachments")["volumeAttachments"]
    ports = site.user.get(f"/servers/{server.id}/os-interface")["interfaceAttachments"]
    return (
        len(volumes) == server.attached + server.from_volume
        and len(ports) == server.ports + site.ports_at_birth
    )
