from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini.objects import image_isolation
from nova_mini.scheduler import filters

if TYPE_CHECKING:
    import numpy as np

    from nova_mini.objects.request_spec import RequestSpec
    from nova_mini.scheduler.host_table import HostTable


class AggregateImagePropertiesIsolation(filters.BaseHostFilter):
    """Passes hosts whose aggregates have no other values of the image's properties."""

    def host_passes_all(self, hosts: HostTable, spec: RequestSpec) -> np.ndarray:
        mask = filters.everywhere(hosts)
        for key, value in image_isolation.restricted(spec.image_properties).items():
            if key in hosts.aggregates.keys:
                mask &= self._allowing(hosts, key, value)
        return mask

    @staticmethod
    def _allowing(hosts: HostTable, key: str, value: str) -> np.ndarray:
        return hosts.aggregates.where(key, lambda values: image_isolation.allows(values, value))
