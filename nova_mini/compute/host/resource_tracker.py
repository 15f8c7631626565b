"""Accounts for the resources of this host and reports its totals.

The scheduler's claim in the ledger decides. The tracker checks again with the present values of the
hypervisor, and reports the totals that limit the ledger.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping

from nova_mini import exception, rpc
from nova_mini.compute.host import provider_config
from nova_mini.conf import CONF
from nova_mini.context import RequestContext, get_admin_context
from nova_mini.numa import request as numa_request
from nova_mini.numa.fit import Ratios, place
from nova_mini.numa.guest import GuestTopology, StoredGuest
from nova_mini.numa.host import HostTopology
from nova_mini.objects.compute_node import ComputeNode
from nova_mini.objects.flavor import Flavor
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_collection import InstanceList
from nova_mini.objects.migration import NEW, OLD, Migration, MigrationList
from nova_mini.states import task_states
from nova_mini.trace import step
from nova_mini.virt.driver import ComputeDriver

LOG = logging.getLogger(__name__)

_RESOURCES = ("vcpus", "memory_mb", "local_gb")
_RATIOS = {
    "vcpus": "cpu_allocation_ratio",
    "memory_mb": "ram_allocation_ratio",
    "local_gb": "disk_allocation_ratio",
}
_REPORT_INTERVAL = 300  # seconds after which unchanged values are reported, too


@dataclasses.dataclass(frozen=True)
class Held:
    """What one server has of this host: vcpus that share CPUs with other servers, memory_mb (MiB)
    and local_gb (GiB), and its placed NUMA nodes, if it has any."""

    amounts: Mapping[str, int]
    numa: GuestTopology | None = None

    @classmethod
    def of(
        cls, instance: Instance, flavor: Flavor | None = None, numa: StoredGuest | None = None
    ) -> Held:
        """``flavor`` None: that of the server."""
        flavor = flavor or instance.flavor
        local_gb = flavor.disk_gb - (flavor.root_gb if instance.is_volume_backed else 0)
        properties = ImageMeta.from_instance(instance).properties
        shared, _own = numa_request.own_cpus(flavor.extra_specs, properties, flavor.vcpus)
        amounts = {"vcpus": shared, "memory_mb": flavor.memory_mb, "local_gb": local_gb}
        return cls(amounts, GuestTopology.from_dict(numa) if numa else None)


class ResourceTracker:
    def __init__(self, host: str, driver: ComputeDriver):
        self.host = host
        self.node = host
        self._driver = driver
        self._lock = threading.Lock()
        # By the UUIDs of the allocations' consumers: servers, and at the source of a migration
        # the migration.
        self._tracked: dict[str, Held] = {}
        self._moving: dict[str, Migration] = {}  # by their consumers
        self._numa: HostTopology | None = None  # without what servers use
        self._usable: dict[str, int] = {}  # without what is reserved for the host
        self._ratios: dict[str, float] = {}
        self._report_lock = threading.Lock()  # a later report has the later state
        self._reported: dict | None = None
        self._reported_at = 0.0
        self._configured_traits: dict[str, provider_config.Traits] = {}

    def init_host(self) -> None:
        """Read the servers of this host and report the host for the first time. Raises
        ConfigurationError."""
        self._configured_traits = provider_config.load(CONF.compute.provider_config_location)
        context = get_admin_context()
        instances = {i.uuid: i for i in InstanceList.get_by_host(context, self.host)}
        migrations = MigrationList.get_open_by_host(context, self.host)
        coming = {m.instance_uuid for m in migrations} - instances.keys()
        servers = dict(instances)
        if coming:
            servers |= {i.uuid: i for i in InstanceList.get_by_uuids(context, sorted(coming))}
        with self._lock:
            self._tracked = {
                uuid: Held.of(instance, numa=instance.numa_topology)
                for uuid, instance in instances.items()
            }
            for migration in migrations:
                if migration.instance_uuid in servers:
                    self._track(migration, servers[migration.instance_uuid])
        self.update_available_resource()

    def _track(self, migration: Migration, instance: Instance) -> None:
        """Keep what this host has of a server that moves from it or to it."""
        if migration.source_compute == self.host:
            self._tracked.pop(instance.uuid, None)
            numa = self._topology_here(migration, instance, OLD)
            self._tracked[migration.uuid] = Held.of(instance, migration.old_flavor, numa)
            self._moving[migration.uuid] = migration
        if migration.dest_compute == self.host:
            numa = self._topology_here(migration, instance, NEW)
            self._tracked[instance.uuid] = Held.of(instance, migration.new_flavor, numa)
            self._moving[instance.uuid] = migration

    def _topology_here(
        self, migration: Migration, instance: Instance, end: str
    ) -> StoredGuest | None:
        """Until the destination has placed the server, and in an evacuation, only the record of the
        server has its topology, which is that of its host."""
        if migration.numa_topologies is not None:
            return migration.topology_at(end)
        return instance.numa_topology if instance.host == self.host else None

    def update_available_resource(self) -> None:
        """Report the resources of the host if they have changed. A periodic task."""
        resource = self._driver.get_available_resource()
        self.node = resource.hypervisor_hostname
        totals = {
            "vcpus": resource.vcpus,
            "memory_mb": resource.memory_mb,
            "local_gb": resource.local_gb,
        }
        reserved = {
            "vcpus": CONF.reserved_host_cpus,
            "memory_mb": CONF.reserved_host_memory_mb,
            "local_gb": -(-CONF.reserved_host_disk_mb // 1024),
        }
        ratios = {
            "vcpus": CONF.cpu_allocation_ratio,
            "memory_mb": CONF.ram_allocation_ratio,
            "local_gb": CONF.disk_allocation_ratio,
        }
        with self._lock:
            self._usable = {name: totals[name] - reserved[name] for name in _RESOURCES}
            self._numa = resource.numa
        in_force = self._report(
            {
                "hypervisor_hostname": resource.hypervisor_hostname,
                "hypervisor_type": resource.hypervisor_type,
                "hypervisor_version": resource.hypervisor_version,
                "host_ip": CONF.my_ip,
                "vcpus": resource.vcpus,
                "memory_mb": resource.memory_mb,
                "local_gb": resource.local_gb,
                "reserved_vcpus": reserved["vcpus"],
                "reserved_memory_mb": reserved["memory_mb"],
                "reserved_gb": reserved["local_gb"],
                "cpu_allocation_ratio": ratios["vcpus"],
                "ram_allocation_ratio": ratios["memory_mb"],
                "disk_allocation_ratio": ratios["local_gb"],
                "disk_available_least": resource.disk_available_least,
                "disk_pool": resource.disk_pool,
                "ceph_addresses": resource.ceph_addresses,
                "cpu_info": resource.cpu_info,
                "supported_instances": resource.supported_instances,
                "traits": sorted({*resource.traits, *self._traits_of_administrator()}),
            },
            resource.host_uptime,
        )
        if in_force is not None:
            with self._lock:
                self._ratios = {
                    name: in_force.get(key, ratios[name]) for name, key in _RATIOS.items()
                }

    def _traits_of_administrator(self) -> provider_config.Traits:
        return provider_config.traits_of(self.node, self._configured_traits)

    def _report(self, values: dict, uptime: str | None = None) -> dict[str, float] | None:
        """Report the values and what servers use of the NUMA nodes, if any of it has changed.

        Returns the ratios in force by the names of their columns; None if nothing is reported.
        ``uptime`` always changes, so a change of it alone is not reported at once."""
        with self._report_lock:
            with self._lock:
                now = self._numa_with(self._tracked.values())
            values = {**values, "numa_topology": now.to_json() if now else None}
            stale = time.monotonic() > self._reported_at + _REPORT_INTERVAL
            if values == self._reported and not stale:
                return None
            report = {**values, "uptime": uptime} if uptime is not None else values
            in_force = ComputeNode.report(get_admin_context(), self.host, report)
            self._reported, self._reported_at = values, time.monotonic()
        return in_force or {}

    def _numa_with(self, held: Iterable[Held]) -> HostTopology | None:
        if self._numa is None:
            return None
        return self._numa.with_guests(each.numa for each in held if each.numa)

    def _report_numa(self, *changed: Held | None) -> None:
        """Let the schedulers know at once that CPUs or huge pages were taken or released. If it
        fails, the periodic task reports it."""
        if self._reported is None or not any(each and each.numa for each in changed):
            return
        try:
            self._report(self._reported)
        except (exception.NovaException, *rpc.UNANSWERED) as exc:
            LOG.warning("Host %s: could not report its NUMA nodes: %s", self.host, exc)

    @contextlib.contextmanager
    def instance_claim(
        self, context: RequestContext, instance: Instance, task_state: str = task_states.NETWORKING
    ) -> Iterator[None]:
        """Claim resources for a server, and release them if the body fails.

        First saves host, node, launched_on and the place on the NUMA nodes with ``task_state``:
        from then on the record names the server's host. Raises ComputeResourcesUnavailable.
        """
        with step("ResourceTracker.instance_claim"):
            instance.numa_topology = _stored(self._take(instance))
            instance.host = self.host
            instance.node = self.node
            instance.launched_on = self.host
            instance.task_state = task_state
            try:
                instance.save()
            except Exception:
                self.release(instance.uuid)
                raise
        try:
            yield
        except Exception:
            self.release(instance.uuid)
            raise

    def resize_claim(self, instance: Instance, migration: Migration) -> None:
        """Claim the resources of a server that moves here. They are kept when the phase ends, until
        :meth:`release`. Raises ComputeResourcesUnavailable."""
        if migration.is_same_host:
            self.lend(migration)
        new = self._take(instance, migration.new_flavor)
        if migration.is_live and _page_sizes(new) != _page_sizes(instance.numa):
            self.release(instance.uuid)
            reason = f"{self.host} has no pages of the size that the running guest has"
            raise exception.ComputeResourcesUnavailable(reason=reason)
        migration.numa_topologies = {OLD: instance.numa_topology, NEW: _stored(new)}
        self._moving[instance.uuid] = migration

    def lend(self, migration: Migration) -> None:
        """At the source: keep the resources of the server for its migration. Idempotent."""
        with self._lock:
            if migration.uuid not in self._tracked and migration.instance_uuid in self._tracked:
                self._tracked[migration.uuid] = self._tracked.pop(migration.instance_uuid)
                self._moving[migration.uuid] = migration

    def take_back(self, migration: Migration) -> None:
        """At the source: undo :meth:`lend`. Idempotent."""
        with self._lock:
            lent = self._tracked.pop(migration.uuid, None)
            if lent is not None:
                self._tracked[migration.instance_uuid] = lent

    def release_ended_moves(self) -> list[str]:
        """Release what was kept for servers that were deleted, or went back, while they moved: the
        other host may have ended the migration. Returns the UUIDs of these servers."""
        moving = dict(self._moving)
        if not moving:
            return []
        context = get_admin_context()
        still_open = {m.uuid for m in MigrationList.get_open_by_host(context, self.host)}
        ended = {name: each for name, each in moving.items() if each.uuid not in still_open}
        if not ended:
            return []
        here = {instance.uuid for instance in InstanceList.get_by_host(context, self.host)}
        with self._lock:
            for consumer in ended:
                self._moving.pop(consumer, None)
            gone = [self._tracked.pop(each, None) for each in ended.keys() - here]
        self._report_numa(*gone)
        return sorted({each.instance_uuid for each in ended.values()})

    def _take(self, instance: Instance, flavor: Flavor | None = None) -> GuestTopology | None:
        """Returns the place of the server on the NUMA nodes, if it requests any."""
        try:
            taken = self._take_within_limits(instance, flavor)
        except exception.ComputeResourcesUnavailable:
            self._reported = None
            self.update_available_resource()  # an aggregate may have changed the ratios
            taken = self._take_within_limits(instance, flavor)
        self._report_numa(taken)
        return taken.numa

    def _take_within_limits(self, instance: Instance, flavor: Flavor | None) -> Held:
        requested = Held.of(instance, flavor)
        guest = _topology_requested(instance, flavor or instance.flavor)
        with self._lock:
            others = [used for uuid, used in self._tracked.items() if uuid != instance.uuid]
            for name in _RESOURCES:
                used = sum(other.amounts[name] for other in others)
                limit = self._usable[name] * self._ratios[name]
                if requested.amounts[name] and used + requested.amounts[name] > limit:
                    raise exception.ComputeResourcesUnavailable(
                        reason=f"{self.host} has {limit - used:g} {name} left, "
                        f"{requested.amounts[name]} are requested"
                    )
            if guest is not None:
                before = self._tracked.get(instance.uuid)
                numa = self._place(guest, before.numa if before else None, others)
                requested = dataclasses.replace(requested, numa=numa)
            self._tracked[instance.uuid] = requested
        return requested

    def _place(
        self, guest: GuestTopology, before: GuestTopology | None, others: list[Held]
    ) -> GuestTopology:
        """Choose NUMA nodes, CPUs and pages. ``before``: those of an earlier attempt, whose guest
        may run already: it keeps them. Raises ComputeResourcesUnavailable."""
        if before is not None and before.unplaced() == guest:
            return before
        host = self._numa_with(others)
        ratios = Ratios(self._ratios["vcpus"], self._ratios["memory_mb"])
        placed = place(guest, host, ratios) if host else None
        if placed is None:
            raise exception.ComputeResourcesUnavailable(
                reason=f"the NUMA nodes of {self.host} have no place for the server"
            )
        return placed

    def release(self, consumer_uuid: str) -> None:
        with self._lock:
            released = self._tracked.pop(consumer_uuid, None)
        self._report_numa(released)


def _topology_requested(instance: Instance, flavor: Flavor) -> GuestTopology | None:
    properties = ImageMeta.from_instance(instance).properties
    try:
        return numa_request.topology_of(
            flavor.extra_specs, properties, flavor.vcpus, flavor.memory_mb
        )
    except numa_request.InvalidTopology as exc:
        raise exception.ComputeResourcesUnavailable(reason=f"{exc.key}: {exc}") from exc


def _page_sizes(numa: GuestTopology | None) -> list[int | None]:
    return [cell.page_kb for cell in numa.cells] if numa else []


def _stored(numa: GuestTopology | None) -> StoredGuest | None:
    return numa.to_dict() if numa else None
