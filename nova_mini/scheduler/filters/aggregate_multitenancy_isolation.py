from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini.scheduler import filters

if TYPE_CHECKING:
    import numpy as np

    from nova_mini.objects.request_spec import RequestSpec
    from nova_mini.scheduler.host_table import HostTable


class AggregateMultiTenancyIsolation(filters.BaseHostFilter):
    """Passes hosts whose aggregates name the server's project in ``filter_tenant_id``, or have no
    such metadata."""

    def host_passes_all(self, hosts: HostTable, spec: RequestSpec) -> np.ndarray:
        return hosts.aggregates.where(
            "filter_tenant_id",
            lambda values: not values or spec.project_id in values,
        )
