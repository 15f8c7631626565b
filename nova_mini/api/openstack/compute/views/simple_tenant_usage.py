"""The resources that servers used in a period, by project."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from nova_mini.api.openstack import common
from nova_mini.clock import utcnow

Period = tuple[datetime.datetime, datetime.datetime]


@dataclass
class ProjectUsage:
    project_id: str
    period: Period
    servers: list[dict] = field(default_factory=list)

    def as_dict(self, detailed: bool) -> dict:
        start, stop = self.period
        view = {
            "tenant_id": self.project_id,
            "start": common.strtime(start),
            "stop": common.strtime(stop),
            "total_hours": sum(server["hours"] for server in self.servers),
            "total_vcpus_usage": self._total("vcpus"),
            "total_memory_mb_usage": self._total("memory_mb"),
            "total_local_gb_usage": self._total("local_gb"),
        }
        return view | {"server_usages": self.servers} if detailed else view

    def _total(self, resource: str) -> float:
        return sum(server[resource] * server["hours"] for server in self.servers)


def by_project(servers: Iterable[Mapping], period: Period) -> dict[str, ProjectUsage]:
    usages: dict[str, ProjectUsage] = {}
    for server in servers:
        project_id = server["project_id"]
        usage = usages.setdefault(project_id, ProjectUsage(project_id, period))
        usage.servers.append(_server(server, period))
    return usages


def _server(server: Mapping, period: Period) -> dict:
    start, stop = period
    launched, ended = server["launched_at"], server["terminated_at"]
    until = ended or utcnow()
    used = min(until, stop) - max(launched, start)
    return {
        "instance_id": server["uuid"],
        "name": server["display_name"],
        "tenant_id": server["project_id"],
        "flavor": server["flavor"]["name"],
        "vcpus": server["vcpus"],
        "memory_mb": server["memory_mb"],
        "local_gb": server["root_gb"] + server["ephemeral_gb"],
        "hours": max(used.total_seconds(), 0) / 3600,
        "uptime": int((until - launched).total_seconds()),
        "started_at": common.strtime(launched),
        "ended_at": common.strtime(ended),
        "state": "terminated" if ended else server["vm_state"],
    }
