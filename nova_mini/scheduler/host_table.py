"""The hosts as columns: a filter or weigher looks at ten thousand hosts in a few microseconds."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

# what is asked -> (total, reserved, ratio, used), as the rows of db.host_states name them
_RESOURCES = {
    "vcpus": ("vcpus", "reserved_vcpus", "cpu_allocation_ratio", "vcpus_used"),
    "memory_mb": ("memory_mb", "reserved_memory_mb", "ram_allocation_ratio", "memory_mb_used"),
    "local_gb": ("local_gb", "reserved_gb", "disk_allocation_ratio", "local_gb_used"),
}


@dataclasses.dataclass(frozen=True)
class HypervisorFacts:
    """What hosts of one make share; ``cpu_info`` and ``supported_instances`` are JSON text."""

    hypervisor_type: str
    hypervisor_version: int
    cpu_info_text: str | None
    supported_instances_text: str | None

    @functools.cached_property
    def cpu_info(self) -> dict:
        return json.loads(self.cpu_info_text or "null") or {}

    @functools.cached_property
    def supported_instances(self) -> list[Sequence[str]]:
        """Of ``[architecture, hypervisor type, vm mode]``."""
        return json.loads(self.supported_instances_text or "null") or []


class HostTable:
    """One entry of every column for each host; MiB and GiB as in the ledger.

    ``total``, ``limit`` (what may be promised) and ``used`` are dicts of columns by resource.
    """

    def __init__(self, rows: Sequence[Any]):
        self.hosts: list[str] = [row.host for row in rows]
        self.nodes: list[str] = [row.hypervisor_hostname for row in rows]
        self._ids = np.array([row.id for row in rows], dtype=np.int64)
        self._place = {row.id: i for i, row in enumerate(rows)}
        self._index = {host: i for i, host in enumerate(self.hosts)}
        count = len(rows)
        self.total = {name: np.zeros(count, np.int64) for name in _RESOURCES}
        self.limit = {name: np.zeros(count) for name in _RESOURCES}
        self.used = {name: np.zeros(count, np.int64) for name in _RESOURCES}
        self.running_vms = np.zeros(count, np.int64)
        self.failed_builds = np.zeros(count)
        self._pools: dict[str | None, int] = {None: 0}
        self._pool = np.zeros(count, np.int32)  # of ``_pools``: whose storage its disks are in
        self.available = np.ones(count, bool)
        self.zones: list[str] = []
        self.zone = np.zeros(count, np.int32)  # an index of ``zones``
        self._facts: dict[HypervisorFacts, int] = {}
        self._facts_of = np.zeros(count, np.int32)
        self.describe(rows)

    def __len__(self) -> int:
        return len(self.hosts)

    @property
    def last_id(self) -> int:
        return int(self._ids[-1]) if len(self) else 0

    # -- keeping it true: rows are those of db.host_states -----------------------------------

    def knows(self, rows: Sequence[Any]) -> bool:
        """Whether every row is of a host that has its place here."""
        return all(row.host in self._index for row in rows)

    def describe(self, rows: Sequence[Any]) -> None:
        """Take all that the rows say of their hosts."""
        for row in rows:
            i = self._index[row.host]
            self.nodes[i] = row.hypervisor_hostname
            for name, (total, reserved, ratio, _used) in _RESOURCES.items():
                self.total[name][i] = getattr(row, total)
                self.limit[name][i] = (getattr(row, total) - getattr(row, reserved)) * getattr(
                    row, ratio
                )
            self.failed_builds[i] = row.failed_builds
            self._pool[i] = self._pools.setdefault(row.disk_pool, len(self._pools))
            facts = HypervisorFacts(
                row.hypervisor_type,
                row.hypervisor_version,
                row.cpu_info,
                row.supported_instances,
            )
            self._facts_of[i] = self._facts.setdefault(facts, len(self._facts))
        self.account(rows)

    def account(self, rows: Sequence[Any]) -> None:
        """Take what is used from the rows; one of a host that is not here means nothing."""
        rows = [row for row in rows if row.id in self._place]
        where = [self._place[row.id] for row in rows]
        for name, (_total, _reserved, _ratio, used) in _RESOURCES.items():
            self.used[name][where] = [getattr(row, used) for row in rows]
        self.running_vms[where] = [row.running_vms for row in rows]

    def set_unavailable(self, ids: Iterable[int]) -> None:
        self.available = ~np.isin(self._ids, np.fromiter(ids, np.int64))

    def set_zones(self, zone_of_host: Mapping[str, str], default: str) -> None:
        self.zones = sorted({default, *zone_of_host.values()})
        number = {zone: i for i, zone in enumerate(self.zones)}
        self.zone = np.array(
            [number[zone_of_host.get(host, default)] for host in self.hosts], np.int32
        )

    def take(self, i: int, asked: Mapping[str, int], servers: int = 1) -> None:
        """Count a claim that is about to be made on host ``i``; ``servers=-1``: it will not be."""
        for name, amount in asked.items():
            self.used[name][i] += servers * amount
        self.running_vms[i] += servers

    # -- looking at it -----------------------------------------------------------------------

    def free(self, resource: str) -> np.ndarray:
        return self.limit[resource] - self._taken(resource)

    def _taken(self, resource: str) -> np.ndarray:
        """What is used of each host's; of a storage that hosts share, by all of them together."""
        used = self.used[resource]
        if resource != "local_gb" or len(self._pools) == 1:
            return used
        by_pool = np.bincount(self._pool, weights=used, minlength=len(self._pools))
        return np.where(self._pool > 0, by_pool[self._pool], used)

    def having_room(self, asked: Mapping[str, int]) -> np.ndarray:
        """Mask of the hosts that have what is asked; what is not asked is not looked at."""
        mask = np.ones(len(self), bool)
        for name, amount in asked.items():
            if amount:
                mask &= self._taken(name) + amount <= self.limit[name]
        return mask

    def fits(self, i: int, asked: Mapping[str, int]) -> bool:
        return all(
            not amount or self._taken(name)[i] + amount <= self.limit[name][i]
            for name, amount in asked.items()
        )

    def named(self, names: Collection[str]) -> np.ndarray:
        """Mask of the hosts with these names."""
        mask = np.zeros(len(self), bool)
        mask[[self._index[name] for name in names if name in self._index]] = True
        return mask

    def with_node(self, node: str) -> np.ndarray:
        return np.array([name == node for name in self.nodes], bool)

    def in_zone(self, zone: str) -> np.ndarray:
        if zone not in self.zones:
            return np.zeros(len(self), bool)
        return self.zone == self.zones.index(zone)

    def index(self, host: str) -> int:
        return self._index[host]

    def zone_name(self, i: int) -> str:
        return self.zones[self.zone[i]]

    def where_facts(self, test: Callable[[HypervisorFacts], bool]) -> np.ndarray:
        """Mask of the hosts whose make passes ``test``; each make is tested once."""
        return np.array([test(facts) for facts in self._facts], bool)[self._facts_of]

    def where_column(self, column: np.ndarray, test: Callable[[Any], bool]) -> np.ndarray:
        """Mask of the hosts whose entry in ``column`` passes; each value is tested once."""
        values, entry = np.unique(column, return_inverse=True)
        return np.array([test(value) for value in values], bool)[entry]
