"""Packet filters on the hypervisor, for networks whose ports nobody else filters."""

from __future__ import annotations

import abc


class FirewallDriver(abc.ABC):
    """Called around the start and the end of every domain, with the domain's interfaces."""

    @abc.abstractmethod
    def setup_basic_filtering(self, instance, network_info) -> None:
        """Before the domain exists: no spoofing, whatever the guest tries."""

    @abc.abstractmethod
    def prepare_instance_filter(self, instance, network_info) -> None:
        """Before the domain starts: the rules of its security groups."""

    @abc.abstractmethod
    def apply_instance_filter(self, instance, network_info) -> None:
        """After the domain has started and its interfaces exist."""

    @abc.abstractmethod
    def unfilter_instance(self, instance, network_info) -> None:
        """The domain is gone. No rules there is fine."""


class NoopFirewallDriver(FirewallDriver):
    """Neutron filters its ports itself."""

    def setup_basic_filtering(self, instance, network_info):
        pass

    def prepare_instance_filter(self, instance, network_info):
        pass

    def apply_instance_filter(self, instance, network_info):
        pass

    def unfilter_instance(self, instance, network_info):
        pass
