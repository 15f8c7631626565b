"""Compares the NUMA nodes that a server requests with those of the hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini.scheduler import filters

if TYPE_CHECKING:
    import numpy as np

    from nova_mini.objects.request_spec import RequestSpec
    from nova_mini.scheduler.host_table import HostTable


class NUMATopologyFilter(filters.BaseHostFilter):
    """Passes hosts on which the server's nodes, the CPUs of its own and its huge pages fit, beside
    those of other servers. The host itself chooses them, and may refuse."""

    run_filter_once_per_request = False

    def applies_to(self, spec: RequestSpec) -> bool:
        return spec.numa_topology() is not None

    def host_passes_all(self, hosts: HostTable, spec: RequestSpec) -> np.ndarray:
        guest = spec.numa_topology()
        return filters.everywhere(hosts) if guest is None else hosts.with_numa_for(guest)
