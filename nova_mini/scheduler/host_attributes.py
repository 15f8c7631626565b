"""Properties of the hosts by Nova's names, as columns. Extra specs and queries compare them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nova_mini.guest_options.flavor_options import CAPABILITIES_OF_THE_MAKE
from nova_mini.scheduler.host_table import HostTable

COLUMNS: dict[str, Callable[[HostTable], np.ndarray]] = {
    "free_disk_mb": lambda hosts: hosts.free("local_gb") * 1024,
    "free_ram_mb": lambda hosts: hosts.free("memory_mb"),
    "host": lambda hosts: np.array(hosts.hosts),
    "nodename": lambda hosts: np.array(hosts.nodes),
    "num_instances": lambda hosts: hosts.running_vms,
    "num_io_ops": lambda hosts: hosts.io_ops,
    "total_usable_disk_gb": lambda hosts: hosts.total["local_gb"],
    "total_usable_ram_mb": lambda hosts: hosts.total["memory_mb"],
    "vcpus_total": lambda hosts: hosts.total["vcpus"],
    "vcpus_used": lambda hosts: hosts.used["vcpus"],
}


def column(hosts: HostTable, name: str, keys: Sequence[str]) -> np.ndarray:
    """The values of a property as Python objects; ``keys``: the way to a value inside of it. None
    where there is no such value."""
    if name in CAPABILITIES_OF_THE_MAKE:
        return hosts.fact_column(lambda facts: descend(getattr(facts, name), keys))
    if keys:
        return np.full(len(hosts), None, dtype=object)
    of_hosts = COLUMNS["nodename" if name == "hypervisor_hostname" else name]
    return of_hosts(hosts).astype(object)


def descend(value: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
