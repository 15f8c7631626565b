"""The scheduler's RPC endpoint: chooses hosts and claims them in the ledger."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import oslo_messaging as messaging

from nova_mini import disclosure, exception, server_groups
from nova_mini.conf import CONF
from nova_mini.notifications import notify_about_select_destinations
from nova_mini.objects import allocation
from nova_mini.objects.allocation import Allocation
from nova_mini.objects.request_spec import RequestSpec
from nova_mini.objects.selection import Selection
from nova_mini.scheduler import request
from nova_mini.scheduler.host_manager import HostManager
from nova_mini.scheduler.host_table import HostTable
from nova_mini.trace import collecting, step, traced

if TYPE_CHECKING:
    from nova_mini.context import RequestContext

LOG = logging.getLogger(__name__)

# The most claims in one transaction, which locks the rows of their hosts until it ends.
_BATCH = 100

Selections = dict[str, list[Selection]]  # instance uuid -> the host, then the alternates
Allocations = Mapping[str, Allocation]  # instance uuid -> its allocation


class SchedulerManager:
    """The endpoint. Any number of schedulers may run: the state of the hosts that each one knows
    may be outdated, and the ledger decides.

    Requests are idempotent, also concurrent ones: a server that has an allocation on a host that is
    still suitable gets this host again.
    """

    target = messaging.Target(version="1.0")

    def __init__(self) -> None:
        self._host_manager = HostManager()
        self._lock = threading.Lock()

    def learn_hosts(self) -> None:
        """Read all hosts, so that the first request does not have to."""
        with self._lock:
            self._host_manager.get_all_host_states()

    @messaging.expected_exceptions(exception.NovaException)
    @traced("SchedulerManager.select_destinations")
    def select_destinations(
        self, context: RequestContext, request_specs: list[RequestSpec], alternates: int
    ) -> list[list[Selection]]:
        """For each spec the claimed host and up to ``alternates`` other hosts, not claimed.

        If a server cannot be placed, raises NoValidHost and releases all claims of this request.
        Also raises DatabaseUnavailable. Called by the conductors.
        """
        with collecting() as steps:
            selections = self._select(context, request_specs, alternates)
        if selections:
            here = [[*each, CONF.host] for each in steps]
            selections[0][0] = selections[0][0].with_steps(here)
        return selections

    def _select(
        self, context: RequestContext, request_specs: list[RequestSpec], alternates: int
    ) -> list[list[Selection]]:
        found: Selections = {}
        claimed: set[str] = set()
        try:
            groups = request.group(request_specs)
            for group in groups:
                group.check_options()
            for group in groups:
                spec, count = group.spec, len(group.instance_uuids)
                notify_about_select_destinations(context, spec, count, "start")
                found |= self._place(group, alternates, claimed)
                notify_about_select_destinations(context, spec, count, "end")
        except exception.NoValidHost as exc:
            # The conductor logs the error with its details when it gives up.
            message = disclosure.message_for_operator(exc)
            LOG.debug("%d server(s): could not place: %s", len(request_specs), message)
            allocation.release_many(claimed)
            raise
        return [found[spec.instance_uuid] for spec in request_specs]

    def _place(self, group: request.Request, alternates: int, claimed: set[str]) -> Selections:
        """Place all servers of a group. Adds the servers that were claimed here to ``claimed``."""
        found: Selections = {}
        refused: set[str] = set()
        while missing := [uuid for uuid in group.instance_uuids if uuid not in found]:
            try:
                with step("choose_hosts"):
                    plan = self._choose(group, missing[:_BATCH], alternates, refused)
                with step("claim_hosts"):
                    granted = self._claim(group, plan)
            except exception.AllocationExists:
                found |= self._reuse(group, allocation.get_many(missing), alternates)
                continue
            except exception.NoValidHost:
                held = allocation.get_many(missing)
                if not held:
                    raise
                found |= self._reuse(group, held, alternates)
                continue
            claimed |= granted
            found |= {uuid: plan[uuid] for uuid in granted}
            refused |= {plan[uuid][0].service_host for uuid in plan.keys() - granted}
        return found

    def _reuse(self, group: request.Request, held: Allocations, alternates: int) -> Selections:
        """Select the hosts of the allocations of an earlier attempt, where they are still suitable.
        Release the other allocations."""
        found: Selections = {}
        group.load_server_group(but=held)
        with self._lock:
            hosts = self._host_manager.get_all_host_states()
            choice = request.Choice(self._host_manager, hosts, group)
            for uuid, each in held.items():
                if group.equals(each) and choice.suits(each.host):
                    others = choice.best(alternates, but=[each.host])
                    found[uuid] = _selections(hosts, [hosts.index(each.host), *others], {})
        allocation.release_many(held.keys() - found.keys())
        return found

    def _choose(
        self, group: request.Request, uuids: list[str], alternates: int, refused: set[str]
    ) -> Selections:
        """The best hosts according to the last known state. Raises NoValidHost."""
        begun = time.monotonic()
        group.load_server_group(but=uuids)
        self._host_manager.check_server_group(group.spec)
        with self._lock:
            try:
                hosts = self._host_manager.get_all_host_states()
                chosen = self._take(hosts, group, len(uuids), alternates, refused)
            except exception.NoValidHost:
                # There may be new hosts or free resources since the hosts were read.
                hosts = self._host_manager.get_all_host_states(not_before=begun)
                chosen = self._take(hosts, group, len(uuids), alternates, refused)
            known: dict[int, Selection] = {}
            return {
                uuid: _selections(hosts, indices, known)
                for uuid, indices in zip(uuids, chosen, strict=True)
            }

    def _take(
        self,
        hosts: HostTable,
        group: request.Request,
        count: int,
        alternates: int,
        refused: set[str],
    ) -> list[list[int]]:
        return request.Choice(self._host_manager, hosts, group).take(count, alternates, refused)

    def _claim(self, group: request.Request, plan: Selections) -> set[str]:
        """Claim the first host of each server. Return the servers whose claims were made."""
        of_spec = group.spec.instance_group
        in_group = of_spec is not None and of_spec.policy in server_groups.HARD
        claims = [
            allocation.Claim(uuid, hosts[0].service_host, group.requested, in_group)
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
    """``known``: a cache, because the alternates of most servers are the same few hosts."""
    for i in indices:
        if i not in known:
            known[i] = Selection(
                service_host=hosts.hosts[i],
                nodename=hosts.nodes[i],
                availability_zone=hosts.zone_name(i),
            )
    return [known[i] for i in indices]
