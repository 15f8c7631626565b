"""Which of the hosts that may take a server is the best."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nova_mini.objects.request_spec import RequestSpec
    from nova_mini.scheduler.host_table import HostTable


class BaseHostWeigher(abc.ABC):
    @abc.abstractmethod
    def multiplier(self) -> float:
        """How much this weigher counts beside the others; below 0 it prefers the least."""

    @abc.abstractmethod
    def weigh_all(self, hosts: HostTable, spec: RequestSpec) -> np.ndarray:
        """A number for each host of the table, of any scale; more is better."""


def weigh(
    weighers: Sequence[BaseHostWeigher],
    hosts: HostTable,
    candidates: np.ndarray,
    spec: RequestSpec,
) -> np.ndarray:
    """The sum of all weights for each of ``candidates``, which are indices of the table."""
    total = np.zeros(len(candidates))
    for weigher in weighers:
        multiplier = weigher.multiplier()
        if multiplier:
            total += multiplier * _normalized(weigher.weigh_all(hosts, spec)[candidates])
    return total


def _normalized(weights: np.ndarray) -> np.ndarray:
    """To 0 (the worst of these hosts) .. 1 (the best); 0 where they are all alike."""
    least = weights.min()
    span = weights.max() - least
    return (weights - least) / span if span else np.zeros(len(weights))
