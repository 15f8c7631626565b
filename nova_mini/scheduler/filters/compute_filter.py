from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini.scheduler import filters

if TYPE_CHECKING:
    import numpy as np

    from nova_mini.objects.request_spec import RequestSpec
    from nova_mini.scheduler.host_table import HostTable


class ComputeFilter(filters.BaseHostFilter):
    """Passes hosts whose compute service is enabled and up."""

    def host_passes_all(self, hosts: HostTable, spec: RequestSpec) -> np.ndarray:
        return hosts.available
