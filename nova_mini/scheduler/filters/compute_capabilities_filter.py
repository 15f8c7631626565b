"""Extra specs of the flavor against what the hosts say of themselves."""

from __future__ import annotations

from typing import Any

import numpy as np

from nova_mini.scheduler import filters
from nova_mini.scheduler.filters import specs
from nova_mini.scheduler.host_table import HostTable

_SCOPE = "capabilities"
_OF_THE_MAKE = ("cpu_info", "hypervisor_type", "hypervisor_version")
_COLUMNS = {
    "free_disk_mb": lambda hosts: hosts.free("local_gb") * 1024,
    "free_ram_mb": lambda hosts: hosts.free("memory_mb"),
    "host": lambda hosts: np.array(hosts.hosts),
    "nodename": lambda hosts: np.array(hosts.nodes),
    "num_instances": lambda hosts: hosts.running_vms,
    "total_usable_disk_gb": lambda hosts: hosts.total["local_gb"],
    "total_usable_ram_mb": lambda hosts: hosts.total["memory_mb"],
    "vcpus_total": lambda hosts: hosts.total["vcpus"],
    "vcpus_used": lambda hosts: hosts.used["vcpus"],
}


class ComputeCapabilitiesFilter(filters.BaseHostFilter):
    """Hosts that meet every extra spec ``capabilities:<name>[:<key>...]``.

    An extra spec without a scope counts too if it is named like a capability.
    """

    def host_passes_all(self, hosts, spec):
        mask = filters.everywhere(hosts)
        for key, requirement in spec.extra_specs.items():
            path = _capability_path(key)
            if path:
                mask = mask & _meeting(hosts, path, requirement)
        return mask


def _capability_path(key: str) -> list[str]:
    """``capabilities:cpu_info:arch`` -> [cpu_info, arch]; empty for what is not our business."""
    first, *rest = key.split(":")
    if rest:
        return rest if first == _SCOPE else []
    return [first] if first in _COLUMNS or first in _OF_THE_MAKE else []


def _meeting(hosts: HostTable, path: list[str], requirement: str) -> np.ndarray:
    name, *keys = path
    if name in _OF_THE_MAKE:
        return hosts.where_facts(
            lambda facts: _meets(_descend(getattr(facts, name), keys), requirement)
        )
    if name in _COLUMNS and not keys:
        return hosts.where_column(
            _COLUMNS[name](hosts), lambda value: specs.matches(value, requirement)
        )
    return ~filters.everywhere(hosts)


def _descend(value: Any, keys: list[str]) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _meets(value: Any, requirement: str) -> bool:
    return value is not None and specs.matches(value, requirement)
