from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini.scheduler import weights

if TYPE_CHECKING:
    import numpy as np

    from nova_mini.objects.request_spec import RequestSpec
    from nova_mini.scheduler.host_table import HostTable


class NumInstancesWeigher(weights.BaseHostWeigher):
    """Prefers hosts with the most servers; with a negative multiplier, with the fewest."""

    option = "num_instances_weight_multiplier"

    def weigh_all(self, hosts: HostTable, spec: RequestSpec) -> np.ndarray:
        return hosts.running_vms
