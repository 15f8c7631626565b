"""Groups of servers with equal specs, for which the hosts are filtered once."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Sequence

import numpy as np

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.guest_options import check as guest_options
from nova_mini.guest_options.option import GuestRequirements
from nova_mini.numa.guest import GuestTopology
from nova_mini.objects import server_group_hosts
from nova_mini.objects.allocation import Allocation
from nova_mini.objects.request_spec import RequestSpec
from nova_mini.scheduler.host_manager import HostManager, Sieve
from nova_mini.scheduler.host_table import HostTable


@dataclasses.dataclass
class Request:
    """Servers with equal specs. ``spec`` is the spec of one of them."""

    spec: RequestSpec
    instance_uuids: list[str]

    def __post_init__(self) -> None:
        self.requested = self.spec.resources()
        # Checked by check_options().
        self.numa: GuestTopology | None = None

    def check_options(self) -> None:
        """Raises GuestOptionNotSupported for options that no host supports."""
        spec = self.spec
        guest_options.check_for_scheduling(
            GuestRequirements(
                extra_specs=spec.extra_specs,
                image_properties=spec.image_properties,
                vcpus=spec.vcpus,
                memory_mb=spec.memory_mb,
                local_gb=spec.local_gb,
            ),
            CONF.filter_scheduler.enabled_filters,
        )
        self.numa = spec.numa_topology()

    def load_server_group(self, but: Collection[str] = ()) -> None:
        """Read the server group of the servers, if they have one, and on which hosts its members
        are. The members ``but`` are not counted. Raises DatabaseUnavailable."""
        if self.spec.group_uuid:
            self.spec.instance_group = server_group_hosts.read(self.spec.group_uuid, but)

    def equals(self, held: Allocation) -> bool:
        """Whether an allocation has the amounts that these servers request."""
        return held.amounts == self.requested


def group(specs: Sequence[RequestSpec]) -> list[Request]:
    """Group the servers by their specs, which differ at least in ``instance_uuid``."""
    requests: dict[str, Request] = {}
    for spec in specs:
        requirements = spec.as_dict()
        uuid = requirements.pop("instance_uuid")
        key = json.dumps(requirements, sort_keys=True)
        if key in requests:
            requests[key].instance_uuids.append(uuid)
        else:
            requests[key] = Request(spec, [uuid])
    return list(requests.values())


class Choice:
    """The hosts of a table that are suitable for a request."""

    def __init__(self, manager: HostManager, hosts: HostTable, request: Request):
        self._manager = manager
        self._hosts = hosts
        self._request = request
        self._group = request.spec.instance_group
        self._suits = np.ones(len(hosts), bool)
        for sieve in manager.get_filtered_hosts(hosts, request.spec):
            self._suits &= sieve.passes

    def suits(self, host: str) -> bool:
        """Whether the host passes all filters. Its free resources are not checked."""
        return bool((self._hosts.named([host]) & self._suits).any())

    def best(self, count: int, but: Collection[str]) -> list[int]:
        """At most ``count`` of the best hosts with enough free resources, without the hosts
        ``but``."""
        candidates = np.flatnonzero(self._suits & self._room(but).passes)
        return self._best_of(candidates, count)

    def take(self, count: int, alternates: int, refused: Collection[str]) -> list[list[int]]:
        """For each of ``count`` servers the host and its alternates, as indices. The hosts are
        counted as used in the table.

        ``refused``: hosts on which a claim has failed. Raises NoValidHost, and then counts
        nothing.
        """
        room = self._room(refused)
        candidates = np.flatnonzero(self._suits & room.passes)
        taken: list[list[int]] = []
        while len(taken) < count:
            if not len(candidates):
                explanation = self._explain(count, len(taken), room)
                for host, *_ in taken:
                    self._count(host, servers=-1)
                if self._request.numa is not None:
                    self._hosts.forget_placed({self._hosts.hosts[host] for host, *_ in taken})
                raise exception.NoValidHost(
                    reason="There are not enough hosts available.", internal=explanation
                )
            best = self._best_of(candidates, 1 + alternates)
            taken.append(best)
            self._count(best[0])
            if len(taken) < count:
                candidates = self._left(candidates, best[0])
        return taken

    def _left(self, candidates: np.ndarray, host: int) -> np.ndarray:
        """The candidates for the next server, after one was placed on ``host``."""
        if not self._hosts.fits(host, self._request.requested):
            candidates = candidates[candidates != host]
        again = self._manager.filter_again(self._hosts, self._request.spec)
        return candidates if again is None else candidates[again[candidates]]

    def _count(self, i: int, servers: int = 1) -> None:
        """Count servers of the request as placed on host ``i``."""
        self._hosts.take(i, self._request.requested, servers)
        if self._request.numa is not None and servers > 0:
            self._hosts.put_on_numa(i, self._request.numa)
        if self._group is not None:
            members, host = self._group.hosts, self._hosts.hosts[i]
            members[host] = members.get(host, 0) + servers

    def _room(self, but: Collection[str]) -> Sieve:
        room = self._hosts.having_room(self._request.requested)
        return Sieve("room", room & ~self._hosts.named(but))

    def _best_of(self, candidates: np.ndarray, count: int) -> list[int]:
        if not len(candidates):
            return []
        return self._manager.get_weighed_hosts(self._hosts, candidates, self._request.spec, count)

    def _explain(self, count: int, placed: int, room: Sieve) -> str:
        """How many hosts were left after each filter that excluded any, for operators."""
        # Read again: fewer hosts may pass since the first servers were placed.
        sieves = self._manager.get_filtered_hosts(self._hosts, self._request.spec)
        left = np.ones(len(self._hosts), bool)
        parts = [f"{len(self._hosts)} hosts"]
        for sieve in (*sieves, room):
            rest = left & sieve.passes
            if rest.sum() < left.sum() or sieve is room:
                parts.append(f"{rest.sum()} after {sieve.name}")
            left = rest
        missing = f"for {count - placed} of {count} servers: " if count > 1 else ""
        return missing + ", ".join(parts)
