"""The weighers: which of the hosts that pass the filters are the best."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from nova_mini.conf import CONF

if TYPE_CHECKING:
    from nova_mini.objects.request_spec import RequestSpec
    from nova_mini.scheduler.host_table import HostTable


class BaseHostWeigher(abc.ABC):
    """``option``: the name of the multiplier in [filter_scheduler] and in the metadata of
    aggregates. ``lowest``: the number that has the weight 0; None: that of the worst candidate.
    """

    option: ClassVar[str]
    lowest: ClassVar[float | None] = None

    def applies_to(self, spec: RequestSpec) -> bool:
        """Whether it has a preference for these servers. If not, it is skipped."""
        return True

    @abc.abstractmethod
    def weigh_all(self, hosts: HostTable, spec: RequestSpec) -> np.ndarray:
        """A number for each host, on any scale. Higher is better."""

    def multiplier(self, hosts: HostTable) -> float | np.ndarray:
        """The factor of this weigher, for all hosts or for each host. A negative one prefers the
        lowest numbers.

        A host has the smallest value of its aggregates, or the option's if they have none.
        """
        return hosts.aggregates.smallest(self.option, default=CONF.filter_scheduler[self.option])


def weigh(
    weighers: Sequence[BaseHostWeigher],
    hosts: HostTable,
    candidates: np.ndarray,
    spec: RequestSpec,
) -> np.ndarray:
    """The sum of all weights of each candidate. ``candidates``: indices in the table."""
    total = np.zeros(len(candidates))
    for weigher in weighers:
        if not weigher.applies_to(spec):
            continue
        multiplier = weigher.multiplier(hosts)
        if isinstance(multiplier, np.ndarray):
            multiplier = multiplier[candidates]
        elif not multiplier:
            continue
        total += multiplier * _normalized(weigher.weigh_all(hosts, spec)[candidates], weigher)
    return total


def _normalized(numbers: np.ndarray, weigher: BaseHostWeigher) -> np.ndarray | float:
    """Scale to 0 (``lowest``, or the least number) ... 1 (the greatest number); 0 if there is
    nothing to compare."""
    greatest = numbers.max()
    lowest = numbers.min() if weigher.lowest is None else weigher.lowest
    if greatest <= lowest:
        return 0.0
    if weigher.lowest is not None:
        numbers = np.maximum(numbers, lowest)
    return (numbers - lowest) / (greatest - lowest)
