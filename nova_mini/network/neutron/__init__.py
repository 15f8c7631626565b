"""Neutron, the network service: ``API`` is what the rest of nova_mini uses."""

from nova_mini.network.neutron.api import API

__all__ = ["API"]
