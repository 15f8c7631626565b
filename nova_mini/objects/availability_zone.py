"""Zones are aggregates with an ``availability_zone`` in their metadata; other hosts are in the
default one."""

from __future__ import annotations

from nova_mini import db
from nova_mini.conf import CONF

#: Where services that are no computes are shown.
INTERNAL = "internal"


class AvailabilityZones:
    """host -> zone, as it is now."""

    def __init__(self, zone_by_host: dict[str, str]):
        self._zone_by_host = zone_by_host

    @classmethod
    def get(cls, context) -> AvailabilityZones:
        return cls(db.host_states.get_zones())

    def names(self) -> set[str]:
        """The zones that a server may ask for."""
        return {*self._zone_by_host.values(), CONF.default_availability_zone}

    def of_host(self, host: str) -> str:
        return self._zone_by_host.get(host, CONF.default_availability_zone)
