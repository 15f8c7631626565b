"""The host: its hypervisor, its resources, and the instances it has something of."""

from __future__ import annotations

import abc
import dataclasses
from typing import Any

import os_traits

from nova_mini.numa.host import HostTopology

# What every driver of nova_mini can do.
COMMON_TRAITS = frozenset(
    {os_traits.COMPUTE_NODE, os_traits.COMPUTE_NET_ATTACH_INTERFACE, os_traits.OWNER_NOVA}
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class HostResources:
    """What a host has, for ``objects.ComputeNode``. ``disk_available_least``: GiB that can be
    written until the disk is full, if the driver knows it. ``disk_pool``: the name of the storage
    that holds the disks, if the host shares it with others. ``ceph_addresses``: IP addresses of
    this host's clients of Ceph, by which it can be fenced. ``numa``: its NUMA nodes, without
    what guests use; None if it has no guests with a topology. ``supported_instances``: lists of
    architecture, virt type and vm mode."""

    vcpus: int
    memory_mb: int
    local_gb: int  # GiB
    disk_available_least: int | None = None
    disk_pool: str | None = None
    ceph_addresses: list[str] = dataclasses.field(default_factory=list)
    hypervisor_type: str
    hypervisor_version: int
    hypervisor_hostname: str
    cpu_info: dict[str, Any]
    supported_instances: list[list[str]]
    traits: list[str]  # sorted names of os-traits
    host_uptime: str | None = None
    numa: HostTopology | None = None


class HostInformation(abc.ABC):
    @abc.abstractmethod
    def init_host(self, host: str) -> None:
        """Connect to the hypervisor. Raises HypervisorUnavailable."""

    def cleanup_host(self, host: str) -> None:  # noqa: B027
        """Disconnect from the hypervisor when the service stops."""

    @abc.abstractmethod
    def get_available_resource(self) -> HostResources:
        """The resources of the host, without what is reserved for the host itself."""

    @abc.abstractmethod
    def is_available(self) -> bool:
        """Whether the hypervisor answers now; the heartbeat reports it."""

    @abc.abstractmethod
    def list_instance_uuids(self) -> list[str]:
        """The instances of this service that have a domain, files or disks on this host."""
