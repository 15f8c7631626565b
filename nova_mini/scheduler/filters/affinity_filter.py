from __future__ import annotations

import abc
from typing import TYPE_CHECKING

from nova_mini import server_groups
from nova_mini.objects import allocation
from nova_mini.scheduler import filters

if TYPE_CHECKING:
    import numpy as np

    from nova_mini.objects.instance_group import InstanceGroup
    from nova_mini.objects.request_spec import RequestSpec
    from nova_mini.scheduler.host_table import HostTable


def _hosts_of(hint: str | list[str]) -> set[str]:
    """The hosts of the servers in a hint (a UUID or a list of UUIDs)."""
    uuids = [hint] if isinstance(hint, str) else hint
    return {held.host for held in allocation.get_many(uuids).values()}


class DifferentHostFilter(filters.BaseHostFilter):
    """Passes hosts without any of the servers in the hint ``different_host``."""

    def host_passes_all(self, hosts: HostTable, spec: RequestSpec) -> np.ndarray:
        hint = spec.scheduler_hints.get("different_host")
        if not hint:
            return filters.everywhere(hosts)
        return ~hosts.named(_hosts_of(hint))


class SameHostFilter(filters.BaseHostFilter):
    """Passes hosts with one of the servers in the hint ``same_host``."""

    def host_passes_all(self, hosts: HostTable, spec: RequestSpec) -> np.ndarray:
        hint = spec.scheduler_hints.get("same_host")
        if not hint:
            return filters.everywhere(hosts)
        return hosts.named(_hosts_of(hint))


class _ServerGroupFilter(filters.BaseHostFilter):
    """Applies to the members of server groups with ``policy``."""

    run_filter_once_per_request = False
    policy: str

    def applies_to(self, spec: RequestSpec) -> bool:
        return spec.instance_group is not None and spec.instance_group.policy == self.policy

    def host_passes_all(self, hosts: HostTable, spec: RequestSpec) -> np.ndarray:
        group = spec.instance_group
        return filters.everywhere(hosts) if group is None else self._passing(hosts, group)

    @abc.abstractmethod
    def _passing(self, hosts: HostTable, group: InstanceGroup) -> np.ndarray:
        """A mask of the hosts to which one more member may come."""


class ServerGroupAffinityFilter(_ServerGroupFilter):
    """Passes the host of the members, for the policy ``affinity``; every host, if there are no
    members yet."""

    policy = server_groups.AFFINITY

    def _passing(self, hosts: HostTable, group: InstanceGroup) -> np.ndarray:
        of_members = [host for host, count in group.hosts.items() if count]
        return hosts.named(of_members) if of_members else filters.everywhere(hosts)


class ServerGroupAntiAffinityFilter(_ServerGroupFilter):
    """Passes hosts with fewer members than may be on one host, for the policy ``anti-affinity``."""

    policy = server_groups.ANTI_AFFINITY

    def _passing(self, hosts: HostTable, group: InstanceGroup) -> np.ndarray:
        most = group.max_server_per_host
        return ~hosts.named([host for host, count in group.hosts.items() if count >= most])
