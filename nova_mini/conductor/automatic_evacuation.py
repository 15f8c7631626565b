"""Evacuate servers without a request, when their host is dead. Off by default.

A server asks for it with the metadata ``nova_mini:evacuate=true``, or the metadata of an aggregate
of its host says so; the server's own word is stronger. A host is dead when it has sent no heartbeat
for ``[conductor] evacuate_after`` seconds, the witnesses agree, and its fence succeeds.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from oslo_utils import strutils

from nova_mini import db, exception
from nova_mini.actions import evacuations
from nova_mini.actions.parameters import EvacuateParameters
from nova_mini.clock import utcnow
from nova_mini.conductor import witnesses
from nova_mini.conf import CONF
from nova_mini.context import RequestContext, get_admin_context
from nova_mini.external import vtpm_key
from nova_mini.objects.aggregate import AggregateList
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_collection import InstanceList
from nova_mini.objects.service import EVACUATE_VERSION, Service, ServiceList
from nova_mini.rpcapi.conductor import ComputeTaskAPI
from nova_mini.states import power_state, state_checks, task_states, vm_states

LOG = logging.getLogger(__name__)

INTERVAL = 5  # seconds between two searches
KEY = "nova_mini:evacuate"


class AutomaticEvacuation:
    """``owner`` is the incarnation of this conductor."""

    def __init__(self, owner: str):
        self._owner = owner
        self._task_api = ComputeTaskAPI()

    def run(self) -> None:
        """A periodic task of all conductors, of which one at a time holds the lease."""
        after = CONF.conductor.evacuate_after
        if not after or not db.leases.take("evacuate hosts", self._owner, INTERVAL * 12):
            return
        dead = {host: servers for host in _silent_hosts(after) if (servers := _asking(host))}
        limit = CONF.conductor.max_evacuating_hosts
        hosts = dead.keys() | db.fences.get_evacuating_hosts()
        if dead and len(hosts) > limit:
            LOG.error(
                "No servers are evacuated: %d hosts are silent or being evacuated, and "
                "max_evacuating_hosts is %d: %s",
                len(hosts),
                limit,
                ", ".join(sorted(hosts)),
            )
            return
        for host, servers in dead.items():
            self._evacuate(host, servers)

    def _evacuate(self, host: str, servers: list[Instance]) -> None:
        node = db.compute_nodes.get_by_host(host)
        running = [each.uuid for each in servers if _has_its_disk_open(each)]
        if node is None or not witnesses.agree(node, running):
            return
        LOG.warning("Host %s: is dead, evacuating %d servers", host, len(servers))
        for instance in servers:
            context = RequestContext(
                user_id=instance.user_id, project_id=instance.project_id, overwrite=False
            )
            try:
                action = evacuations.begin(context, instance, EvacuateParameters())
            except (exception.Conflict, exception.InstanceNotFound) as exc:
                LOG.info("Instance %s: not evacuated now: %s", instance.uuid, exc)
            else:
                # To this conductor: the broker may still give messages to one that died with the
                # host.
                self._task_api.send_to(CONF.host, context, action)


def _has_its_disk_open(instance: Instance) -> bool:
    runs = instance.vm_state == vm_states.ACTIVE and instance.power_state == power_state.RUNNING
    return runs and not instance.is_volume_backed


def _silent_hosts(after: int) -> Iterator[str]:
    services = ServiceList.get_all(get_admin_context(), binary="nova-mini-compute")
    return (each.host for each in services if _is_silent(each, after))


def _is_silent(service: Service, after: int) -> bool:
    if service.is_alive or service.version < EVACUATE_VERSION or service.last_seen_up is None:
        return False
    return utcnow() - service.last_seen_up > datetime.timedelta(seconds=after)


def _asking(host: str) -> list[Instance]:
    """The servers of a host that ask for an evacuation and whose state allows it. One that was
    refused is asked for again when the host was seen since."""
    context = get_admin_context()
    by_default = any(_says_yes(each.metadata) for each in AggregateList.get_by_host(context, host))
    allowed = state_checks.ALLOWED["evacuate"].vm_states or ()
    found = [
        each
        for each in InstanceList.get_by_host(context, host)
        if _says_yes(each.metadata, by_default)
        and each.vm_state in allowed
        and each.task_state != task_states.DELETING
        and each.launched_at is not None
        and vtpm_key.tpm_of(each) is None  # its state is lost with its host
    ]
    busy = db.fences.get_moving_or_refused(host, [each.uuid for each in found]) if found else ()
    return [each for each in found if each.uuid not in busy]


def _says_yes(metadata: Mapping[str, Any], default: bool = False) -> bool:
    return strutils.bool_from_string(metadata.get(KEY), default=default)
