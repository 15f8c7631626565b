"""Packet filters on the hypervisor, for ports that Neutron does not filter."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance
    from nova_mini.objects.network_model import NetworkInfo


class FirewallDriver(abc.ABC):
    """Its methods are called before and after the start of every domain, and after its end."""

    @abc.abstractmethod
    def setup_basic_filtering(self, instance: Instance, network_info: NetworkInfo) -> None:
        """Prevent spoofing. Called before the domain is defined."""

    @abc.abstractmethod
    def prepare_instance_filter(self, instance: Instance, network_info: NetworkInfo) -> None:
        """Set the rules of the security groups. Called before the domain starts."""

    @abc.abstractmethod
    def apply_instance_filter(self, instance: Instance, network_info: NetworkInfo) -> None:
        """Called after the domain has started: its interfaces exist."""

    @abc.abstractmethod
    def unfilter_instance(self, instance: Instance, network_info: NetworkInfo) -> None:
        """Remove all rules. Called after the domain was removed. Idempotent."""


class NoopFirewallDriver(FirewallDriver):
    """Does nothing: Neutron filters the ports."""

    def setup_basic_filtering(self, instance: Instance, network_info: NetworkInfo) -> None:
        pass

    def prepare_instance_filter(self, instance: Instance, network_info: NetworkInfo) -> None:
        pass

    def apply_instance_filter(self, instance: Instance, network_info: NetworkInfo) -> None:
        pass

    def unfilter_instance(self, instance: Instance, network_info: NetworkInfo) -> None:
        pass
