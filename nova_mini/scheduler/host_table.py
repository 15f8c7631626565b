"""The hosts as columns (arrays): a filter or weigher needs a few microseconds for 10,000 hosts."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from nova_mini.numa.fit import Ratios
from nova_mini.numa.guest import GuestTopology
from nova_mini.objects.host_state import AggregateState
from nova_mini.resource_amounts import Resource, ResourceAmounts
from nova_mini.scheduler.aggregate_metadata import AggregateMetadata
from nova_mini.scheduler.numa_column import NumaColumn

# columns of db.host_states: (total, reserved, ratio, used)
_RESOURCES: dict[Resource, tuple[str, str, str, str]] = {
    "vcpus": ("vcpus", "reserved_vcpus", "cpu_allocation_ratio", "vcpus_used"),
    "memory_mb": ("memory_mb", "reserved_memory_mb", "ram_allocation_ratio", "memory_mb_used"),
    "local_gb": ("local_gb", "reserved_gb", "disk_allocation_ratio", "local_gb_used"),
}


@dataclasses.dataclass(frozen=True)
class HypervisorFacts:
    """The properties of a hypervisor, which many hosts have in common. ``cpu_info_text``,
    ``supported_instances_text`` and ``traits_text`` are JSON."""

    hypervisor_type: str
    hypervisor_version: int
    cpu_info_text: str | None
    supported_instances_text: str | None
    traits_text: str | None

    @functools.cached_property
    def cpu_info(self) -> dict[str, Any]:
        return json.loads(self.cpu_info_text or "null") or {}

    @functools.cached_property
    def supported_instances(self) -> list[Sequence[str]]:
        """List of ``[architecture, hypervisor type, VM mode]``."""
        return json.loads(self.supported_instances_text or "null") or []

    @functools.cached_property
    def traits(self) -> frozenset[str] | None:
        """None: not reported."""
        return frozenset(json.loads(self.traits_text)) if self.traits_text else None


class HostTable:
    """Every column has one entry for each host. Units as in the ledger: MiB and GiB.

    ``total``, ``limit`` (how much may be claimed) and ``used`` are dicts: resource -> column.
    """

    def __init__(self, rows: Sequence[Any]):
        self.hosts: list[str] = [row.host for row in rows]
        self.nodes: list[str] = [row.hypervisor_hostname for row in rows]
        self._ids = np.array([row.id for row in rows], dtype=np.int64)
        self._index_of_id = {row.id: i for i, row in enumerate(rows)}
        self._index = {host: i for i, host in enumerate(self.hosts)}
        count = len(rows)
        self.total = {name: np.zeros(count, np.int64) for name in _RESOURCES}
        self.limit = {name: np.zeros(count) for name in _RESOURCES}
        self.ratio = {name: np.ones(count) for name in _RESOURCES}
        self.numa = NumaColumn(count)
        self.used = {name: np.zeros(count, np.int64) for name in _RESOURCES}
        self.running_vms = np.zeros(count, np.int64)
        self.failed_builds = np.zeros(count)
        self.io_ops = np.zeros(count, np.int64)
        self._pools: dict[str | None, int] = {None: 0}
        self._pool = np.zeros(count, np.int32)  # a number of ``_pools``; 0: storage of its own
        self.available = np.ones(count, bool)
        self.aggregates = AggregateMetadata((), self._index)
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

    # -- updates: rows are those of db.host_states -------------------------------------------

    def knows(self, rows: Sequence[Any]) -> bool:
        """Whether the hosts of all rows are in the table."""
        return all(row.host in self._index for row in rows)

    def describe(self, rows: Sequence[Any]) -> None:
        """Update all columns from full rows."""
        for row in rows:
            i = self._index[row.host]
            self.nodes[i] = row.hypervisor_hostname
            for name, (total, reserved, ratio, _used) in _RESOURCES.items():
                self.total[name][i] = getattr(row, total)
                self.ratio[name][i] = getattr(row, ratio)
                self.limit[name][i] = (getattr(row, total) - getattr(row, reserved)) * getattr(
                    row, ratio
                )
            self.failed_builds[i] = row.failed_builds
            self.numa.describe(i, row.numa_topology)
            self._pool[i] = self._pools.setdefault(row.disk_pool, len(self._pools))
            facts = HypervisorFacts(
                row.hypervisor_type,
                row.hypervisor_version,
                row.cpu_info,
                row.supported_instances,
                row.traits,
            )
            self._facts_of[i] = self._facts.setdefault(facts, len(self._facts))
        self.account(rows)

    def account(self, rows: Sequence[Any]) -> None:
        """Update the used amounts. Rows of hosts that are not in the table are ignored."""
        rows = [row for row in rows if row.id in self._index_of_id]
        indices = [self._index_of_id[row.id] for row in rows]
        for name, (_total, _reserved, _ratio, used) in _RESOURCES.items():
            self.used[name][indices] = [getattr(row, used) for row in rows]
        self.running_vms[indices] = [row.running_vms for row in rows]

    def set_io_ops(self, count_of_host: Mapping[str, int]) -> None:
        """``count_of_host``: how many operations with much input and output run on each host."""
        self.io_ops = np.zeros(len(self), np.int64)
        for host, count in count_of_host.items():
            if host in self._index:
                self.io_ops[self._index[host]] = count

    def set_unavailable(self, ids: Iterable[int]) -> None:
        self.available = ~np.isin(self._ids, np.fromiter(ids, np.int64))

    def set_aggregates(self, aggregates: Sequence[AggregateState], default_zone: str) -> None:
        """Replace the aggregates, and with them the availability zones of the hosts."""
        self.aggregates = AggregateMetadata(aggregates, self._index)
        found, number_of = self.aggregates.column("availability_zone")
        names = [min(zones, default=default_zone) for zones in found]
        self.zones = sorted({default_zone, *names})
        self.zone = np.array([self.zones.index(name) for name in names], np.int32)[number_of]

    def take(self, i: int, requested: ResourceAmounts, servers: int = 1) -> None:
        """Count a claim on host ``i`` before it is made; ``servers=-1`` reverts it."""
        for name, amount in requested.items():
            self.used[name][i] += servers * amount
        self.running_vms[i] += servers
        self.io_ops[i] += servers

    def put_on_numa(self, i: int, guest: GuestTopology) -> None:
        """Count the NUMA nodes of a server that is placed on host ``i``."""
        self.numa.put(i, guest, Ratios(self.ratio["vcpus"][i], self.ratio["memory_mb"][i]))

    def forget_placed(self, names: Collection[str]) -> None:
        """Count only the NUMA nodes that these hosts have reported as used."""
        self.numa.forget_placed([self._index[name] for name in names if name in self._index])

    # -- queries -----------------------------------------------------------------------------

    def free(self, resource: Resource) -> np.ndarray:
        """How much of a resource can still be claimed on each host."""
        return self.limit[resource] - self._taken(resource)

    def _taken(self, resource: Resource) -> np.ndarray:
        """How much of a resource is used on each host; of shared storage, by all its hosts."""
        used = self.used[resource]
        if resource != "local_gb" or len(self._pools) == 1:
            return used
        by_pool = np.bincount(self._pool, weights=used, minlength=len(self._pools))
        return np.where(self._pool > 0, by_pool[self._pool], used)

    def having_room(self, requested: ResourceAmounts) -> np.ndarray:
        """Mask of the hosts that have the requested amounts. Resources with the amount 0 are not
        checked."""
        mask = np.ones(len(self), bool)
        for name, amount in requested.items():
            if amount:
                mask &= self._taken(name) + amount <= self.limit[name]
        return mask

    def fits(self, i: int, requested: ResourceAmounts) -> bool:
        """:meth:`having_room` for one host."""
        return all(
            not amount or self._taken(name)[i] + amount <= self.limit[name][i]
            for name, amount in requested.items()
        )

    def with_numa_for(self, guest: GuestTopology) -> np.ndarray:
        """Mask of the hosts whose NUMA nodes have a place for the guest."""
        return self.numa.fitting(guest, self.ratio["vcpus"], self.ratio["memory_mb"])

    def named(self, names: Collection[str]) -> np.ndarray:
        """Mask of the hosts with these names."""
        mask = np.zeros(len(self), bool)
        mask[[self._index[name] for name in names if name in self._index]] = True
        return mask

    def numbers(self, number_of_host: Mapping[str, int]) -> np.ndarray:
        """Column with the number of each host; 0 for hosts that have none."""
        known = {h: number for h, number in number_of_host.items() if h in self._index}
        column = np.zeros(len(self), np.int64)
        column[[self._index[host] for host in known]] = list(known.values())
        return column

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
        """Mask of the hosts whose hypervisor passes ``test``. Equal facts are tested once."""
        return np.array([test(facts) for facts in self._facts], bool)[self._facts_of]

    def fact_column(self, value: Callable[[HypervisorFacts], Any]) -> np.ndarray:
        """Column with ``value`` of the hypervisor of each host. Equal facts are read once."""
        values = np.empty(len(self._facts), dtype=object)
        values[:] = [value(facts) for facts in self._facts]
        return values[self._facts_of]

    def where_column(self, column: np.ndarray, test: Callable[[Any], bool]) -> np.ndarray:
        """Mask of the hosts whose entry in ``column`` passes ``test``. Equal values are tested
        once."""
        values, entry = np.unique(column, return_inverse=True)
        return np.array([test(value) for value in values], bool)[entry]
