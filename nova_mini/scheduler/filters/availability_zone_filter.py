from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini.scheduler import filters

if TYPE_CHECKING:
    import numpy as np

    from nova_mini.objects.request_spec import RequestSpec
    from nova_mini.scheduler.host_table import HostTable


class AvailabilityZoneFilter(filters.BaseHostFilter):
    """Passes hosts in the requested availability zone."""

    def host_passes_all(self, hosts: HostTable, spec: RequestSpec) -> np.ndarray:
        if not spec.availability_zone:
            return filters.everywhere(hosts)
        return hosts.in_zone(spec.availability_zone)
