"""Acts on the scheduler hint ``query``."""

from __future__ import annotations

import functools
import logging
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from nova_mini.guest_options import host_query
from nova_mini.guest_options.host_query import Comparison, Condition, Variable
from nova_mini.scheduler import filters, host_attributes

if TYPE_CHECKING:
    from nova_mini.objects.request_spec import RequestSpec
    from nova_mini.scheduler.host_table import HostTable

LOG = logging.getLogger(__name__)

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "in": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


class JsonFilter(filters.BaseHostFilter):
    """Passes the hosts for which the condition in the hint ``query`` holds."""

    run_filter_once_per_request = False  # a condition may be about what is free

    def applies_to(self, spec: RequestSpec) -> bool:
        return bool(spec.scheduler_hints.get("query"))

    def host_passes_all(self, hosts: HostTable, spec: RequestSpec) -> np.ndarray:
        query = spec.scheduler_hints.get("query")
        if not query:
            return filters.everywhere(hosts)
        try:
            condition = host_query.parse(query)
        except ValueError as exc:  # an API of an older release has accepted it
            LOG.warning("Instance %s: its query is not used: %s", spec.instance_uuid, exc)
            return filters.everywhere(hosts)
        return _holds(hosts, condition)


def _holds(hosts: HostTable, condition: Condition) -> np.ndarray:
    """A mask of the hosts for which the condition holds."""
    if isinstance(condition, Comparison):
        return _compares(hosts, condition)
    masks = [_holds(hosts, each) for each in condition.conditions]
    if condition.operator == "not":
        return ~masks[0]
    combine = np.logical_or if condition.operator == "or" else np.logical_and
    nothing = np.full(len(hosts), condition.operator == "and")
    return functools.reduce(combine, masks, nothing)


def _compares(hosts: HostTable, comparison: Comparison) -> np.ndarray:
    first, *others = [_column(hosts, each) for each in comparison.operands]
    compare = np.frompyfunc(functools.partial(_test, _OPERATORS[comparison.operator]), 2, 1)
    masks = [compare(first, other).astype(bool) for other in others]
    combine = np.logical_or if comparison.operator == "in" else np.logical_and
    return functools.reduce(combine, masks)


def _column(hosts: HostTable, operand: Variable | host_query.Constant) -> np.ndarray:
    if isinstance(operand, Variable):
        return host_attributes.column(hosts, operand.name, operand.keys)
    return np.full(len(hosts), operand, dtype=object)


def _test(compare: Callable[[Any, Any], bool], one: Any, other: Any) -> bool:
    """Values of different kinds, or that do not exist, are neither equal nor in an order."""
    try:
        return one is not None and other is not None and bool(compare(one, other))
    except TypeError:
        return False
