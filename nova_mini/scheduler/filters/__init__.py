"""Which hosts may take a server. Each filter answers for all hosts at once."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nova_mini.objects.request_spec import RequestSpec
    from nova_mini.scheduler.host_table import HostTable


class BaseHostFilter(abc.ABC):
    @abc.abstractmethod
    def host_passes_all(self, hosts: HostTable, spec: RequestSpec) -> np.ndarray:
        """A bool for each host of the table. What a host has free is looked at elsewhere: the
        answer holds for all servers of one request."""


def everywhere(hosts: HostTable) -> np.ndarray:
    """The answer of a filter that the request gives nothing to ask."""
    return np.ones(len(hosts), bool)
