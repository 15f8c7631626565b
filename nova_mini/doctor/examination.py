"""The whole of it: look everywhere, and fix what can be."""

from __future__ import annotations

import datetime

from nova_mini import rpc
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.doctor import database, hypervisors, neighbours
from nova_mini.doctor.finding import Finding
from nova_mini.objects.base import utcnow
from nova_mini.objects.service import ServiceList


def examine() -> tuple[list[Finding], list[str]]:
    """The findings, and what was looked at. Raises DBError when the database cannot be asked."""
    services = ServiceList.get_all(get_admin_context())
    before = utcnow() - datetime.timedelta(seconds=CONF.conductor.sweep_interval)
    computes = [each for each in services if each.binary == database.COMPUTE]
    living = [each.host for each in computes if each.is_alive]
    findings = database.examine(services, before)
    if living and not rpc.is_reachable():
        problem = "no broker of transport_url answers, so no hypervisor could be asked"
        findings.append(Finding("broker-away", "RabbitMQ", problem))
        living = []
    findings += hypervisors.examine(living)
    of_neighbours, names = neighbours.examine()
    looked_at = ["the database", f"{len(living)} of {len(computes)} hypervisors", *names]
    return findings + of_neighbours, looked_at
