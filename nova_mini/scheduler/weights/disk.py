from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini.scheduler import weights

if TYPE_CHECKING:
    import numpy as np

    from nova_mini.objects.request_spec import RequestSpec
    from nova_mini.scheduler.host_table import HostTable


class DiskWeigher(weights.BaseHostWeigher):
    """Prefers hosts with the most free disk; with a negative multiplier, with the least."""

    option = "disk_weight_multiplier"
    lowest = 0

    def weigh_all(self, hosts: HostTable, spec: RequestSpec) -> np.ndarray:
        return hosts.free("local_gb")
