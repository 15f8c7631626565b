"""The scheduler's RPC endpoint: chooses hosts and claims them in the ledger."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping

import oslo_messaging as messaging

from nova_mini import exception
from nova_mini.objects import allocation
from nova_mini.objects.request_spec import RequestSpec
from nova_mini.objects.selection import Selection
from nova_mini.scheduler import request
from nova_mini.scheduler.host_manager import HostManager
from nova_mini.scheduler.host_table import HostTable
from nova_mini.trace import step, traced

LOG = logging.getLogger(__name__)

# Claims of one transaction: it holds the rows of so many hosts until it ends.
_BATCH = 100

Selections = dict[str, list[Selection]]  # instance uuid -> its host, then alternates
Claims = Mapping[str, Mapping]  # instance uuid -> what it holds


class SchedulerManager:
    """Any number of schedulers may run: the ledger decides, what they know is only a good guess.

    May be asked twice about the same servers, even at once: a server that holds a claim on a host
    that still suits it gets that host again.
    """

    target = messaging.Target(version="1.0")

    def __init__(self):
        self._host_manager = HostManager()
        self._lock = threading.Lock()

    def learn_hosts(self) -> None:
        """Read all hosts, so that the first request need not wait for it."""
        with self._lock:
            self._host_manager.get_all_host_states()

    @messaging.expected_exceptions(exception.NovaException)
    @traced
    def select_destinations(
        self, context, request_specs: list[RequestSpec], alternates: int
    ) -> list[list[Selection]]:
        """For each spec its host, claimed, and up to ``alternates`` others, not claimed.

        All of them or none: raises NoValidHost, and gives back what it claimed. Also raises
        DatabaseUnavailable. Called by the conductors.
        """
        found: Selections = {}
        claimed: set[str] = set()
        try:
            for wanted in request.group(request_specs):
                found |= self._place(wanted, alternates, claimed)
        except exception.NoValidHost as exc:
            LOG.info("%d server(s) cannot be placed: %s", len(request_specs), exc)
            allocation.release_many(claimed)
            raise
        return [found[spec.instance_uuid] for spec in request_specs]

    def _place(self, wanted: request.Request, alternates: int, claimed: set[str]) -> Selections:
        """Adds the servers for which a claim is made here to ``claimed``."""
        found: Selections = {}
        refused: set[str] = set()
        while missing := [uuid for uuid in wanted.instance_uuids if uuid not in found]:
            try:
                with step("choose_hosts"):
                    plan = self._choose(wanted, missing[:_BATCH], alternates, refused)
                with step("claim_hosts"):
                    granted = self._claim(wanted, plan)
            except exception.AllocationExists:
                found |= self._settle(wanted, allocation.get_many(missing), alternates)
                continue
            except exception.NoValidHost:
                held = allocation.get_many(missing)
                if not held:
                    raise
                found |= self._settle(wanted, held, alternates)
                continue
            claimed |= granted
            found |= {uuid: plan[uuid] for uuid in granted}
            refused |= {plan[uuid][0].service_host for uuid in plan.keys() - granted}
        return found

    def _settle(self, wanted: request.Request, held: Claims, alternates: int) -> Selections:
        """An earlier attempt placed these: those whose claims still do stay; the other claims are
        given back."""
        found = {}
        with self._lock:
            hosts = self._host_manager.get_all_host_states()
            choice = request.Choice(self._host_manager, hosts, wanted)
            for uuid, claim in held.items():
                host = claim["host"]
                if wanted.still_wants(claim) and choice.suits(host):
                    others = choice.best(alternates, but=[host])
                    found[uuid] = _selections(hosts, [hosts.index(host), *others], {})
        allocation.release_many(held.keys() - found.keys())
        return found

    def _choose(
        self, wanted: request.Request, uuids: list[str], alternates: int, refused: set[str]
    ) -> Selections:
        """The best hosts as far as is known; raises NoValidHost."""
        asked_at = time.monotonic()
        with self._lock:
            try:
                hosts = self._host_manager.get_all_host_states()
                picks = self._take(hosts, wanted, len(uuids), alternates, refused)
            except exception.NoValidHost:
                # A host may have come, or got room, since the hosts were read.
                hosts = self._host_manager.get_all_host_states(not_before=asked_at)
                picks = self._take(hosts, wanted, len(uuids), alternates, refused)
            known: dict[int, Selection] = {}
            return {
                uuid: _selections(hosts, pick, known)
                for uuid, pick in zip(uuids, picks, strict=True)
            }

    def _take(self, hosts: HostTable, wanted, count, alternates, refused) -> list[list[int]]:
        return request.Choice(self._host_manager, hosts, wanted).take(count, alternates, refused)

    def _claim(self, wanted: request.Request, plan: Selections) -> set[str]:
        """Claim the first host of each; returns the servers for which there was room."""
        claims = [
            allocation.Claim(uuid, hosts[0].service_host, wanted.asked)
            for uuid, hosts in plan.items()
        ]
        granted: set[str] = set()
        try:
            granted = allocation.claim_many(claims)
            return granted
        finally:
            refused = {claim.host for claim in claims if claim.consumer_uuid not in granted}
            if refused:
                with self._lock:
                    self._host_manager.reread(refused)


def _selections(
    hosts: HostTable, indices: list[int], known: dict[int, Selection]
) -> list[Selection]:
    """``known`` keeps what was made before: alternates are mostly the same few hosts."""
    for i in indices:
        if i not in known:
            known[i] = Selection(
                service_host=hosts.hosts[i],
                nodename=hosts.nodes[i],
                availability_zone=hosts.zone_name(i),
            )
    return [known[i] for i in indices]
