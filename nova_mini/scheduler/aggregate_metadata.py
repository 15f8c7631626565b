"""The metadata of the aggregates as columns: what each host gets from its aggregates."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from nova_mini.objects.host_state import AggregateState
from nova_mini.objects.image_isolation import listed

LOG = logging.getLogger(__name__)

Values = frozenset[str]
Test = Callable[[Values], bool]


class AggregateMetadata:
    """A host may be in several aggregates, and then has several values of a key.

    Many hosts have the same values, so each column holds numbers of sets of values. It is made when
    a key is first used. The object is replaced when an aggregate changes.
    """

    def __init__(self, aggregates: Sequence[AggregateState], index: Mapping[str, int]):
        """``index``: host -> its number in the table."""
        self._size = len(index)
        self._aggregates = [
            (each.metadata, np.array([index[host] for host in each.hosts if host in index], int))
            for each in aggregates
        ]
        self._columns: dict[str, tuple[list[Values], np.ndarray]] = {}
        self._parts: dict[str, list[Values]] = {}
        self._numbers: dict[tuple[str, float], np.ndarray] = {}
        self.keys = frozenset(key for metadata, _ in self._aggregates for key in metadata)

    def where(self, key: str, test: Test) -> np.ndarray:
        """Mask of the hosts whose values of ``key`` pass ``test``. A value that is a list counts as
        its parts. Equal sets of values are tested once; a host without the key has an empty set."""
        found, number_of = self.column(key)
        if key not in self._parts:
            self._parts[key] = [frozenset(listed(values)) for values in found]
        return np.array([test(parts) for parts in self._parts[key]], bool)[number_of]

    def column(self, key: str) -> tuple[list[Values], np.ndarray]:
        """All sets of values of ``key``, and for each host the number of its set."""
        if key not in self._columns:
            self._columns[key] = self._make_column(key)
        return self._columns[key]

    def _make_column(self, key: str) -> tuple[list[Values], np.ndarray]:
        number_of_set: dict[Values, int] = {frozenset(): 0}
        column = np.zeros(self._size, np.int32)
        for metadata, hosts in self._aggregates:
            if key not in metadata:
                continue
            sets = list(number_of_set)
            for number in np.unique(column[hosts]):
                joined = sets[number] | {metadata[key]}
                target = number_of_set.setdefault(joined, len(number_of_set))
                column[hosts[column[hosts] == number]] = -1 - target
            column = np.where(column < 0, -1 - column, column)
        return list(number_of_set), column

    def smallest(self, key: str, default: float) -> float | np.ndarray:
        """For each host the smallest of its values of ``key``, which are numbers. A host without a
        value has the default; only the default is returned if all have it.

        A value that is not a number is logged, and its hosts have the default.
        """
        if key not in self.keys:
            return default
        if (key, default) not in self._numbers:
            found, number_of = self.column(key)
            numbers = np.array([_smallest(key, each, default) for each in found])
            self._numbers[key, default] = numbers[number_of]
        return self._numbers[key, default]


def _smallest(key: str, values: Values, default: float) -> float:
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        numbers = [math.nan]
    if not all(map(math.isfinite, numbers)):
        LOG.warning(
            "Aggregate metadata %s: not used, as it is not a number: %s",
            key,
            ", ".join(sorted(values)),
        )
        return default
    return min(numbers, default=default)
