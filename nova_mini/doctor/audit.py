"""The audit of the whole cloud."""

from __future__ import annotations

import datetime

from nova_mini import rpc
from nova_mini.clock import utcnow
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.doctor import database, external_services, hypervisors
from nova_mini.doctor.finding import Finding
from nova_mini.objects.service import ServiceList


def audit() -> tuple[list[Finding], list[str]]:
    """Return the findings, and what was checked. Raises DBError when the database is
    unavailable."""
    services = ServiceList.get_all(get_admin_context())
    before = utcnow() - datetime.timedelta(seconds=CONF.conductor.sweep_interval)
    computes = [each for each in services if each.binary == database.COMPUTE]
    running = [each.host for each in computes if each.is_alive]
    findings = database.audit(services, before)
    if running and not rpc.is_reachable():
        problem = "no broker of transport_url answers, so no hypervisor could be checked"
        findings.append(Finding("broker-away", "RabbitMQ", problem))
        running = []
    findings += hypervisors.audit(running)
    external, names = external_services.audit()
    checked = ["the database", f"{len(running)} of {len(computes)} hypervisors", *names]
    return findings + external, checked
