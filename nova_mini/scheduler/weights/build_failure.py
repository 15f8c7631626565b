from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini.scheduler import weights

if TYPE_CHECKING:
    import numpy as np

    from nova_mini.objects.request_spec import RequestSpec
    from nova_mini.scheduler.host_table import HostTable


class BuildFailureWeigher(weights.BaseHostWeigher):
    """Avoids hosts on which builds have failed since the last successful build."""

    option = "build_failure_weight_multiplier"

    def weigh_all(self, hosts: HostTable, spec: RequestSpec) -> np.ndarray:
        return hosts.failed_builds

    def multiplier(self, hosts: HostTable) -> float | np.ndarray:
        """Negative: hosts without failures are better."""
        return -super().multiplier(hosts)
