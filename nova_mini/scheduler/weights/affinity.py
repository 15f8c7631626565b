from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini import server_groups
from nova_mini.scheduler import weights

if TYPE_CHECKING:
    import numpy as np

    from nova_mini.objects.request_spec import RequestSpec
    from nova_mini.scheduler.host_table import HostTable


class _ServerGroupWeigher(weights.BaseHostWeigher):
    """Weighs the number of members of a server group on each host, if the group has ``policy``."""

    policy: str

    def applies_to(self, spec: RequestSpec) -> bool:
        group = spec.instance_group
        return group is not None and group.policy == self.policy

    @staticmethod
    def _members(hosts: HostTable, spec: RequestSpec) -> np.ndarray:
        return hosts.numbers(spec.instance_group.hosts if spec.instance_group else {})


class ServerGroupSoftAffinityWeigher(_ServerGroupWeigher):
    """Prefers hosts with the most members, for the policy ``soft-affinity``."""

    policy = server_groups.SOFT_AFFINITY
    option = "soft_affinity_weight_multiplier"

    def weigh_all(self, hosts: HostTable, spec: RequestSpec) -> np.ndarray:
        return self._members(hosts, spec)


class ServerGroupSoftAntiAffinityWeigher(_ServerGroupWeigher):
    """Prefers hosts with the fewest members, for the policy ``soft-anti-affinity``."""

    policy = server_groups.SOFT_ANTI_AFFINITY
    option = "soft_anti_affinity_weight_multiplier"

    def weigh_all(self, hosts: HostTable, spec: RequestSpec) -> np.ndarray:
        return -self._members(hosts, spec)
