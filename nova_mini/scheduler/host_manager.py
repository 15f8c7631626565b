"""What the scheduler knows of the hosts, and which of them suit a request best."""

from __future__ import annotations

import random
import time
from typing import NamedTuple

import numpy as np

from nova_mini.conf import CONF
from nova_mini.objects import host_state
from nova_mini.objects.request_spec import RequestSpec
from nova_mini.scheduler import filters, loadables, weights
from nova_mini.scheduler.host_table import HostTable

# Everything is read anew so often (seconds): hosts that are gone leave, whatever was missed comes.
_FULL_REFRESH_INTERVAL = 60


class Sieve(NamedTuple):
    """One reason for which hosts are left out: its name, and who passes."""

    name: str
    passes: np.ndarray


class HostManager:
    """Not safe for threads: its owner holds a lock from reading the hosts to taking one."""

    def __init__(self):
        options = CONF.filter_scheduler
        self._filters = loadables.load(
            filters,
            filters.BaseHostFilter,
            options.enabled_filters,
            "[filter_scheduler] enabled_filters",
        )
        self._weighers = loadables.load(
            weights,
            weights.BaseHostWeigher,
            options.weight_classes,
            "[filter_scheduler] weight_classes",
        )
        self._hosts: HostTable | None = None
        self._zones_version: tuple | None = None
        self._as_of = None
        self._read_at = self._read_all_at = float("-inf")

    # -- knowing the hosts -------------------------------------------------------------------

    def get_all_host_states(self, not_before: float | None = None) -> HostTable:
        """The hosts as they were at most ``[scheduler] host_refresh_interval`` seconds ago, and
        not before the monotonic time ``not_before``. Raises DatabaseUnavailable."""
        now = time.monotonic()
        oldest = now - CONF.scheduler.host_refresh_interval
        if not_before is not None:
            oldest = max(oldest, not_before)
        if self._hosts is None or self._read_at < oldest:
            if self._hosts is None or now - self._read_all_at > _FULL_REFRESH_INTERVAL:
                self._read_all()
            else:
                self._read_changes()
            self._read_at = now
        return self._hosts

    def _read_all(self) -> None:
        changes = host_state.read_changes()
        self._hosts = HostTable(changes.described)
        self._zones_version = None
        self._read_all_at = time.monotonic()
        self._apply(changes)

    def _read_changes(self) -> None:
        changes = host_state.read_changes(self._as_of, self._hosts.last_id, self._zones_version)
        if not self._hosts.knows(changes.described):
            self._read_all()
            return
        self._hosts.describe(changes.described)
        self._hosts.account(changes.ledger)
        self._apply(changes)

    def _apply(self, changes: host_state.HostChanges) -> None:
        self._hosts.set_unavailable(changes.unavailable)
        if changes.zones is not None:
            self._hosts.set_zones(changes.zones, CONF.default_availability_zone)
            self._zones_version = changes.zones_version
        self._as_of = changes.as_of

    def reread(self, names: set[str]) -> None:
        """The ledger of hosts on which a claim that is counted here was not made."""
        hosts, self._hosts = self._hosts, None  # forgotten, if it cannot be read
        if hosts is not None:
            hosts.account(host_state.read_ledger(names))
            self._hosts = hosts

    # -- choosing ----------------------------------------------------------------------------

    def get_filtered_hosts(self, hosts: HostTable, spec: RequestSpec) -> list[Sieve]:
        """Who passes what, but for room. A forced host or node passes without the filters; its
        claim fails when it is disabled."""
        found = []
        if spec.force_host:
            found.append(Sieve("forced host", hosts.named([spec.force_host])))
        if spec.force_node:
            found.append(Sieve("forced node", hosts.with_node(spec.force_node)))
        if spec.requested_host:
            found.append(Sieve("requested host", hosts.named([spec.requested_host])))
        if spec.ignore_hosts:
            found.append(Sieve("hosts not to use", ~hosts.named(spec.ignore_hosts)))
        if spec.force_host or spec.force_node:
            return found
        return found + [
            Sieve(type(one).__name__, one.host_passes_all(hosts, spec)) for one in self._filters
        ]

    def get_weighed_hosts(
        self, hosts: HostTable, candidates: np.ndarray, spec: RequestSpec, count: int
    ) -> list[int]:
        """The best ``count`` of the candidates, best first.

        The first is drawn from the ``host_subset_size`` best.
        """
        options = CONF.filter_scheduler
        if options.shuffle_best_same_weighed_hosts:
            candidates = np.random.default_rng().permutation(candidates)
        total = weights.weigh(self._weighers, hosts, candidates, spec)
        best = []
        for _ in range(min(max(count, options.host_subset_size), len(candidates))):
            place = int(total.argmax())
            best.append(int(candidates[place]))
            total[place] = -np.inf
        drawn = random.randrange(min(options.host_subset_size, len(best)))
        return [best.pop(drawn), *best][:count]
