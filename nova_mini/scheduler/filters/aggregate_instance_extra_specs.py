from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini.scheduler import filters
from nova_mini.scheduler.filters import specs

if TYPE_CHECKING:
    import numpy as np

    from nova_mini.objects.request_spec import RequestSpec
    from nova_mini.scheduler.host_table import HostTable

_SCOPE = "aggregate_instance_extra_specs"


class AggregateInstanceExtraSpecsFilter(filters.BaseHostFilter):
    """Passes hosts whose aggregates meet every extra spec ``aggregate_instance_extra_specs:<key>``,
    and every one without a scope."""

    def host_passes_all(self, hosts: HostTable, spec: RequestSpec) -> np.ndarray:
        mask = filters.everywhere(hosts)
        for key, requirement in spec.extra_specs.items():
            scope, colon, name = key.partition(":")
            if not colon:
                mask &= _meeting(hosts, key, requirement)
            elif scope == _SCOPE:
                mask &= _meeting(hosts, name, requirement)
        return mask


def _meeting(hosts: HostTable, key: str, requirement: str) -> np.ndarray:
    """A host needs one value that meets the requirement."""
    return hosts.aggregates.where(
        key, lambda values: any(specs.matches(value, requirement) for value in values)
    )
