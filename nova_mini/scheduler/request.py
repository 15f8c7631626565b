"""Servers that ask for the same are placed together: their hosts are filtered once."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Sequence

import numpy as np

from nova_mini import exception
from nova_mini.objects.request_spec import RequestSpec
from nova_mini.scheduler.host_manager import HostManager, Sieve
from nova_mini.scheduler.host_table import HostTable


@dataclasses.dataclass
class Request:
    """Servers with equal wishes, of which ``spec`` is one's."""

    spec: RequestSpec
    instance_uuids: list[str]

    def __post_init__(self):
        self.asked = self.spec.resources()

    def still_wants(self, held) -> bool:
        """Whether an allocation is what one of these servers would claim on its host."""
        return all(held[name] == amount for name, amount in self.asked.items())


def group(specs: Sequence[RequestSpec]) -> list[Request]:
    requests: dict[str, Request] = {}
    for spec in specs:
        wishes = spec.as_dict()
        uuid = wishes.pop("instance_uuid")
        key = json.dumps(wishes, sort_keys=True)
        if key in requests:
            requests[key].instance_uuids.append(uuid)
        else:
            requests[key] = Request(spec, [uuid])
    return list(requests.values())


class Choice:
    """The hosts of one reading that suit a request."""

    def __init__(self, manager: HostManager, hosts: HostTable, request: Request):
        self._manager = manager
        self._hosts = hosts
        self._request = request
        self._sieves = manager.get_filtered_hosts(hosts, request.spec)
        self._suits = np.ones(len(hosts), bool)
        for sieve in self._sieves:
            self._suits &= sieve.passes

    def suits(self, host: str) -> bool:
        """Whether the host would do, its room aside."""
        return bool((self._hosts.named([host]) & self._suits).any())

    def best(self, count: int, but: Collection[str]) -> list[int]:
        """The best hosts that have room, without those named in ``but``; perhaps fewer."""
        candidates = np.flatnonzero(self._suits & self._room(but).passes)
        return self._best_of(candidates, count)

    def take(self, count: int, alternates: int, refused: Collection[str]) -> list[list[int]]:
        """For each of ``count`` servers the host, counted as taken in the table, and alternates.

        ``refused`` are hosts that turned out to have no room. Raises NoValidHost, with nothing
        taken.
        """
        room = self._room(refused)
        candidates = np.flatnonzero(self._suits & room.passes)
        taken: list[list[int]] = []
        while len(taken) < count:
            if not len(candidates):
                for host, *_ in taken:
                    self._hosts.take(host, self._request.asked, servers=-1)
                raise exception.NoValidHost(reason=self._explain(count, len(taken), room))
            best = self._best_of(candidates, 1 + alternates)
            taken.append(best)
            self._hosts.take(best[0], self._request.asked)
            if not self._hosts.fits(best[0], self._request.asked):
                candidates = candidates[candidates != best[0]]
        return taken

    def _room(self, but: Collection[str]) -> Sieve:
        room = self._hosts.having_room(self._request.asked)
        return Sieve("room", room & ~self._hosts.named(but))

    def _best_of(self, candidates: np.ndarray, count: int) -> list[int]:
        if not len(candidates):
            return []
        return self._manager.get_weighed_hosts(self._hosts, candidates, self._request.spec, count)

    def _explain(self, wanted: int, placed: int, room: Sieve) -> str:
        """How many hosts each step left that took any away."""
        left = np.ones(len(self._hosts), bool)
        story = [f"{len(self._hosts)} hosts"]
        for sieve in (*self._sieves, room):
            rest = left & sieve.passes
            if rest.sum() < left.sum() or sieve is room:
                story.append(f"{rest.sum()} after {sieve.name}")
            left = rest
        missing = f" for {wanted - placed} of {wanted} servers" if wanted > 1 else ""
        return f"There are not enough hosts available{missing}: {', '.join(story)}."
