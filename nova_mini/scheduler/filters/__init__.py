"""The filters: which hosts may run a server. A filter checks all hosts in one call."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nova_mini.objects.request_spec import RequestSpec
    from nova_mini.scheduler.host_table import HostTable


class BaseHostFilter(abc.ABC):
    """``run_filter_once_per_request``: False if the hosts that pass depend on where the servers
    before it in the same request were placed."""

    run_filter_once_per_request = True

    def applies_to(self, spec: RequestSpec) -> bool:
        """Whether it may exclude hosts for these servers. If not, it is skipped."""
        return True

    @abc.abstractmethod
    def host_passes_all(self, hosts: HostTable, spec: RequestSpec) -> np.ndarray:
        """A mask of the hosts that pass. Free resources are checked elsewhere."""


def everywhere(hosts: HostTable) -> np.ndarray:
    """A mask of all hosts, for requests that a filter does not apply to."""
    return np.ones(len(hosts), bool)
