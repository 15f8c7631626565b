"""Compares extra specs of the flavor with the reported properties of the hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nova_mini.guest_options.flavor_options import CAPABILITIES_OF_THE_MAKE
from nova_mini.scheduler import filters
from nova_mini.scheduler.filters import specs
from nova_mini.scheduler.host_attributes import COLUMNS, descend

if TYPE_CHECKING:
    from nova_mini.objects.request_spec import RequestSpec
    from nova_mini.scheduler.host_table import HostTable

_SCOPE = "capabilities"


class ComputeCapabilitiesFilter(filters.BaseHostFilter):
    """Passes hosts that meet every extra spec ``capabilities:<name>[:<key>...]``.

    An extra spec without a scope is checked too if it has the name of a capability.
    """

    def host_passes_all(self, hosts: HostTable, spec: RequestSpec) -> np.ndarray:
        mask = filters.everywhere(hosts)
        for key, requirement in spec.extra_specs.items():
            path = _capability_path(key)
            if path:
                mask = mask & _meeting(hosts, path, requirement)
        return mask


def _capability_path(key: str) -> list[str]:
    """``capabilities:cpu_info:arch`` -> [cpu_info, arch]; [] for keys that are not capabilities."""
    first, *rest = key.split(":")
    if rest:
        return rest if first == _SCOPE else []
    return [first] if first in COLUMNS or first in CAPABILITIES_OF_THE_MAKE else []


def _meeting(hosts: HostTable, path: list[str], requirement: str) -> np.ndarray:
    name, *keys = path
    if name in CAPABILITIES_OF_THE_MAKE:
        return hosts.where_facts(
            lambda facts: _meets(descend(getattr(facts, name), keys), requirement)
        )
    if name in COLUMNS and not keys:
        return hosts.where_column(
            COLUMNS[name](hosts), lambda value: specs.matches(value, requirement)
        )
    return ~filters.everywhere(hosts)


def _meets(value: Any, requirement: str) -> bool:
    return value is not None and specs.matches(value, requirement)
