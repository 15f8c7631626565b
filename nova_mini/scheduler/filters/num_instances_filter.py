from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini.conf import CONF
from nova_mini.scheduler import filters

if TYPE_CHECKING:
    import numpy as np

    from nova_mini.objects.request_spec import RequestSpec
    from nova_mini.scheduler.host_table import HostTable

_OPTION = "max_instances_per_host"


class NumInstancesFilter(filters.BaseHostFilter):
    """Passes hosts with fewer servers than ``max_instances_per_host``."""

    run_filter_once_per_request = False

    def host_passes_all(self, hosts: HostTable, spec: RequestSpec) -> np.ndarray:
        return hosts.running_vms < CONF.filter_scheduler[_OPTION]


class AggregateNumInstancesFilter(filters.BaseHostFilter):
    """Passes hosts with fewer servers than the smallest ``max_instances_per_host`` of their
    aggregates; without one, than the option of this name."""

    run_filter_once_per_request = False

    def host_passes_all(self, hosts: HostTable, spec: RequestSpec) -> np.ndarray:
        limit = hosts.aggregates.smallest(_OPTION, default=CONF.filter_scheduler[_OPTION])
        return hosts.running_vms < limit
