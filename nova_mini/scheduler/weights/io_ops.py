from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini.scheduler import weights

if TYPE_CHECKING:
    import numpy as np

    from nova_mini.objects.request_spec import RequestSpec
    from nova_mini.scheduler.host_table import HostTable


class IoOpsWeigher(weights.BaseHostWeigher):
    """Avoids hosts on which servers are being built, rebuilt, unshelved or copied; with a positive
    multiplier, prefers them."""

    option = "io_ops_weight_multiplier"
    lowest = 0

    def weigh_all(self, hosts: HostTable, spec: RequestSpec) -> np.ndarray:
        return hosts.io_ops
