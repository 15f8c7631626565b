"""The scheduler's view of the hosts: reads their state, filters and weighs them."""

from __future__ import annotations

import datetime
import logging
import random
import time
from typing import NamedTuple

import numpy as np

from nova_mini import exception, server_groups
from nova_mini.conf import CONF
from nova_mini.guest_options import implied_traits
from nova_mini.guest_options.option import GuestRequirements
from nova_mini.objects import host_state
from nova_mini.objects.host_state import AggregatesVersion
from nova_mini.objects.request_spec import RequestSpec
from nova_mini.objects.trait_needs import TraitNeeds
from nova_mini.scheduler import filters, loadables, weights
from nova_mini.scheduler.host_table import HostTable

LOG = logging.getLogger(__name__)

# The filter or weigher that acts on each policy of server groups.
_ACTS_ON = {
    server_groups.AFFINITY: "ServerGroupAffinityFilter",
    server_groups.ANTI_AFFINITY: "ServerGroupAntiAffinityFilter",
    server_groups.SOFT_AFFINITY: "ServerGroupSoftAffinityWeigher",
    server_groups.SOFT_ANTI_AFFINITY: "ServerGroupSoftAntiAffinityWeigher",
}

# All hosts are read again after so many seconds, because deleted hosts are not in the changes.
_FULL_REFRESH_INTERVAL = 60


class Sieve(NamedTuple):
    """The result of one filter: its name, and a mask of the hosts that pass."""

    name: str
    passes: np.ndarray


class HostManager:
    """Not thread-safe: the caller holds a lock from reading the hosts until it has counted its
    claims."""

    def __init__(self) -> None:
        options = CONF.filter_scheduler
        self._filters: list[filters.BaseHostFilter] = loadables.load(
            filters,
            filters.BaseHostFilter,
            options.enabled_filters,
            "[filter_scheduler] enabled_filters",
        )
        self._weighers: list[weights.BaseHostWeigher] = loadables.load(
            weights,
            weights.BaseHostWeigher,
            options.weight_classes,
            "[filter_scheduler] weight_classes",
        )
        self._hosts: HostTable | None = None
        self._aggregates_version: AggregatesVersion | None = None
        self._as_of: datetime.datetime | None = None
        self._read_at = self._read_all_at = float("-inf")

    # -- reading the hosts -------------------------------------------------------------------

    def get_all_host_states(self, not_before: float | None = None) -> HostTable:
        """The hosts, read at most ``[scheduler] host_refresh_interval`` seconds ago, and not before
        the monotonic time ``not_before``. Raises DatabaseUnavailable."""
        now = time.monotonic()
        oldest = now - CONF.scheduler.host_refresh_interval
        if not_before is not None:
            oldest = max(oldest, not_before)
        if self._hosts is not None and self._read_at >= oldest:
            return self._hosts
        if self._hosts is None or now - self._read_all_at > _FULL_REFRESH_INTERVAL:
            self._hosts = self._read_all()
        else:
            self._hosts = self._read_changes(self._hosts)
        self._read_at = now
        return self._hosts

    def _read_all(self) -> HostTable:
        changes = host_state.read_changes()
        hosts = HostTable(changes.described)
        self._aggregates_version = None
        self._read_all_at = time.monotonic()
        self._apply(changes, hosts)
        return hosts

    def _read_changes(self, hosts: HostTable) -> HostTable:
        changes = host_state.read_changes(self._as_of, hosts.last_id, self._aggregates_version)
        if not hosts.knows(changes.described):
            return self._read_all()
        hosts.describe(changes.described)
        hosts.account(changes.ledger)
        self._apply(changes, hosts)
        return hosts

    def _apply(self, changes: host_state.HostChanges, hosts: HostTable) -> None:
        hosts.set_unavailable(changes.unavailable)
        hosts.set_io_ops(changes.io_ops)
        if changes.aggregates is not None:
            hosts.set_aggregates(changes.aggregates, CONF.default_availability_zone)
            self._aggregates_version = changes.aggregates_version
        self._as_of = changes.as_of

    def reread(self, names: set[str]) -> None:
        """Read what runs on hosts again, because a claim that was counted here was refused."""
        hosts, self._hosts = self._hosts, None  # if the read fails, all hosts are read again
        if hosts is not None:
            hosts.account(host_state.read_ledger(names))
            hosts.forget_placed(names)
            hosts.set_io_ops(host_state.read_io_ops())
            self._hosts = hosts

    # -- choosing ----------------------------------------------------------------------------

    def get_filtered_hosts(self, hosts: HostTable, spec: RequestSpec) -> list[Sieve]:
        """The results of all filters; the free resources are checked elsewhere.

        A forced host or node needs only the traits, but the claim fails if it is disabled.
        """
        found = []
        if spec.force_host:
            found.append(Sieve("forced host", hosts.named([spec.force_host])))
        if spec.force_node:
            found.append(Sieve("forced node", hosts.with_node(spec.force_node)))
        if spec.requested_host:
            found.append(Sieve("requested host", hosts.named([spec.requested_host])))
        if spec.ignore_hosts:
            found.append(Sieve("ignored hosts", ~hosts.named(spec.ignore_hosts)))
        implied = implied_traits.of(GuestRequirements(spec.extra_specs, spec.image_properties))
        if needs := TraitNeeds.of(spec.extra_specs, spec.image_properties, implied):
            passes = hosts.where_facts(lambda facts: needs.are_met_by(facts.traits))
            found.append(Sieve("traits", passes))
        if spec.force_host or spec.force_node:
            return found
        return found + [
            Sieve(type(one).__name__, one.host_passes_all(hosts, spec))
            for one in self._filters
            if one.applies_to(spec)
        ]

    def filter_again(self, hosts: HostTable, spec: RequestSpec) -> np.ndarray | None:
        """A mask of the hosts that pass for the next server of a request, after one was placed, if
        they have passed :meth:`get_filtered_hosts`. None: all of them."""
        again = [
            one
            for one in self._filters
            if not one.run_filter_once_per_request and one.applies_to(spec)
        ]
        if not again or spec.force_host or spec.force_node:
            return None
        return np.logical_and.reduce([one.host_passes_all(hosts, spec) for one in again])

    def check_server_group(self, spec: RequestSpec) -> None:
        """Raises UnsupportedServerGroupPolicy if no enabled filter or weigher acts on the policy of
        the servers' group."""
        group = spec.instance_group
        if group is None:
            return
        needed = _ACTS_ON[group.policy]
        if not any(type(one).__name__ == needed for one in (*self._filters, *self._weighers)):
            LOG.error("Server group %s: %s is not in [filter_scheduler]", group.uuid, needed)
            raise exception.UnsupportedServerGroupPolicy(policy=group.policy)

    def get_weighed_hosts(
        self, hosts: HostTable, candidates: np.ndarray, spec: RequestSpec, count: int
    ) -> list[int]:
        """The best ``count`` candidates, the best first, as indices.

        The first is chosen at random from the ``host_subset_size`` best.
        """
        options = CONF.filter_scheduler
        if options.shuffle_best_same_weighed_hosts:
            candidates = np.random.default_rng().permutation(candidates)
        total = weights.weigh(self._weighers, hosts, candidates, spec)
        best = []
        for _ in range(min(max(count, options.host_subset_size), len(candidates))):
            position = int(total.argmax())
            best.append(int(candidates[position]))
            total[position] = -np.inf
        chosen = random.randrange(min(options.host_subset_size, len(best)))
        return [best.pop(chosen), *best][:count]
