from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini.conf import CONF
from nova_mini.scheduler import filters

if TYPE_CHECKING:
    import numpy as np

    from nova_mini.objects.request_spec import RequestSpec
    from nova_mini.scheduler.host_table import HostTable

_OPTION = "max_io_ops_per_host"


class IoOpsFilter(filters.BaseHostFilter):
    """Passes hosts on which fewer than ``max_io_ops_per_host`` servers are being built, rebuilt,
    unshelved or copied to an image."""

    run_filter_once_per_request = False

    def host_passes_all(self, hosts: HostTable, spec: RequestSpec) -> np.ndarray:
        return hosts.io_ops < CONF.filter_scheduler[_OPTION]


class AggregateIoOpsFilter(filters.BaseHostFilter):
    """The same with the smallest ``max_io_ops_per_host`` of the host's aggregates. Without one, the
    option of this name counts."""

    run_filter_once_per_request = False

    def host_passes_all(self, hosts: HostTable, spec: RequestSpec) -> np.ndarray:
        limit = hosts.aggregates.smallest(_OPTION, default=CONF.filter_scheduler[_OPTION])
        return hosts.io_ops < limit
