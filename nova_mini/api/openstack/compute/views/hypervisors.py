"""Hypervisors as JSON."""

from __future__ import annotations

import json

from nova_mini.api.openstack.compute.views import services
from nova_mini.api.openstack.request import Request
from nova_mini.objects.compute_node import ComputeNode
from nova_mini.objects.service import Service


def basic(req: Request, node: ComputeNode, service: Service) -> dict:
    return {
        "id": hypervisor_id(req, node),
        "hypervisor_hostname": node.hypervisor_hostname,
        "state": services.state(service),
        "status": services.status(service),
    }


def detail(req: Request, node: ComputeNode, service: Service) -> dict:
    view = {
        **basic(req, node, service),
        "hypervisor_type": node.hypervisor_type,
        "hypervisor_version": node.hypervisor_version,
        "host_ip": node.host_ip,
        "service": {
            "id": services.service_id(req, service),
            "host": service.host,
            "disabled_reason": service.disabled_reason,
        },
    }
    if req.api_version < (2, 88):
        return view | _resources(req, node)
    return view | {"uptime": node.uptime if service.is_up else None}


def hypervisor_id(req: Request, node: ComputeNode) -> int | str:
    return node.uuid if req.api_version >= (2, 53) else node.id


def servers(found: list[tuple[int, str]]) -> list[dict]:
    """``found``: [(id, uuid)] of instances."""
    return [{"name": f"instance-{number:08x}", "uuid": uuid} for number, uuid in found]


def _resources(req: Request, node: ComputeNode) -> dict:
    """Resources that are reserved for the host itself count as used."""
    cpu_info = node.cpu_info or {}
    return {
        "cpu_info": cpu_info if req.api_version >= (2, 28) else json.dumps(cpu_info),
        "vcpus": node.vcpus,
        "vcpus_used": node.vcpus_used,
        "running_vms": node.running_vms,
        "current_workload": 0,
        "disk_available_least": node.disk_available_least,
        **memory_and_disk(
            memory_mb=node.memory_mb,
            memory_mb_used=node.memory_mb_used + node.reserved_memory_mb,
            local_gb=node.local_gb,
            local_gb_used=node.local_gb_used + node.reserved_gb,
        ),
    }


def memory_and_disk(
    *, memory_mb: int, memory_mb_used: int, local_gb: int, local_gb_used: int
) -> dict[str, int]:
    return {
        "memory_mb": memory_mb,
        "memory_mb_used": memory_mb_used,
        "free_ram_mb": memory_mb - memory_mb_used,
        "local_gb": local_gb,
        "local_gb_used": local_gb_used,
        "free_disk_gb": local_gb - local_gb_used,
    }


def statistics(sums: dict[str, int]) -> dict:
    return {
        "count": sums["count"],
        "vcpus": sums["vcpus"],
        "vcpus_used": sums["vcpus_used"],
        "running_vms": sums["running_vms"],
        "current_workload": 0,
        "disk_available_least": sums["disk_available_least"],
        **memory_and_disk(
            memory_mb=sums["memory_mb"],
            memory_mb_used=sums["memory_mb_used"] + sums["reserved_memory_mb"],
            local_gb=sums["local_gb"],
            local_gb_used=sums["local_gb_used"] + sums["reserved_gb"],
        ),
    }
